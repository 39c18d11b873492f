import type { Config } from "tailwindcss";

/** The tokens of the design; their values, light and dark, are in app/globals.css. */
export default {
  content: [],
  theme: {
    extend: {
      colors: {
        paper: "var(--paper)",
        card: "var(--card)",
        ink: "var(--ink)",
        soft: "var(--soft)",
        line: "var(--line)",
        wash: "var(--wash)",
        red: "var(--red)",
        "on-red": "var(--on-red)",
        green: "var(--green)",
        ring: "var(--ring)",
        edge: "var(--edge)",
      },
      borderRadius: { card: "14px", ticket: "20px" },
      // In rem, so that the size a person has set in the browser counts.
      fontSize: {
        tiny: "0.8125rem",
        small: "0.9375rem",
        large: "1.1875rem",
        title: "1.375rem",
        field: "1.625rem",
        "code-small": "1.875rem",
      },
      fontFamily: { sans: ["Onest Variable", "system-ui", "sans-serif"] },
      maxWidth: { login: "420px", page: "1040px", console: "1200px" },
      letterSpacing: { heading: "-0.025em", code: "0.06em" },
    },
  },
} satisfies Config;
