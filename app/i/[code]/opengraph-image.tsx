import { readFile } from "node:fs/promises";
import path from "node:path";
import { notFound } from "next/navigation";
import { ImageResponse } from "next/og";
import { getTranslations } from "next-intl/server";
import { BAND_HEIGHT_PX, BAND_WIDTH_PX, STITCH_PATH } from "@/components/band";
import { currentRequester } from "@/lib/auth/current-requester";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { getInvite } from "@/lib/core/invites/look-up";
import { retryAfter } from "@/lib/http/retry-after";

export const size = { width: 1200, height: 630 };
export const alt = "Сарафан · Sarafan";
export const contentType = "image/png";

const COLORS = { paper: "#f6f0e4", card: "#fffaf0", ink: "#211a16", soft: "#6b5f54", line: "#ddd0ba", red: "#a3231f" };
/** How long browsers and proxies may keep the picture. */
const CACHED_S = 60 * 60;

/** The address of an SVG with one repetition of the pages' ornament. */
const bandUrl = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" width="${BAND_WIDTH_PX}" height="${BAND_HEIGHT_PX}"><path d="${STITCH_PATH}" fill="none" stroke="${COLORS.red}" stroke-width="1.7" stroke-linecap="round"/></svg>`,
)}`;

/** The style of the two round cuts at the edges of the ticket, beside its dashed line. */
const biteStyle = {
  position: "absolute",
  bottom: 86,
  width: 44,
  height: 44,
  borderRadius: 22,
  background: COLORS.paper,
} as const;

/** The fonts of the picture. Each file has the glyphs of one script, and texts need both. */
const fonts = Promise.all(
  (["cyrillic", "latin"] as const).flatMap((script) =>
    ([600, 800] as const).map(async (weight) => ({
      name: `Onest ${script}`,
      weight,
      data: await readFile(
        path.join(process.cwd(), `node_modules/@fontsource/onest/files/onest-${script}-${weight}-normal.woff`),
      ),
    })),
  ),
);

/**
 * Draws an invitation's ticket for link previews. Answers 404 for an unknown code. Answers 429 for any code after the requester's
 * network has looked up too many unknown codes.
 */
export default async function InvitationImage({ params }: { params: Promise<{ code: string }> }) {
  const code = InviteCode.safeParse((await params).code);
  const invite = code.success ? await getInvite(code.data, await currentRequester()) : null;
  if (invite && !invite.ok && invite.failure.name === "budget_spent") {
    return new Response(null, { status: 429, headers: retryAfter(invite.failure.retryAfterMs) });
  }
  if (!invite?.ok) notFound();
  const t = await getTranslations();
  const bands = Array.from({ length: Math.ceil(size.width / (2 * BAND_WIDTH_PX)) }, (_, at) => at);
  return new ImageResponse(
    <div
      style={{
        display: "flex",
        flexDirection: "column",
        width: "100%",
        height: "100%",
        background: COLORS.paper,
        color: COLORS.ink,
        fontFamily: "Onest latin, Onest cyrillic",
      }}
    >
      <div style={{ display: "flex", flexShrink: 0 }}>
        {bands.map((at) => (
          // biome-ignore lint/performance/noImgElement: this is drawn into a picture, no browser loads it.
          <img alt="" height={2 * BAND_HEIGHT_PX} key={at} src={bandUrl} width={2 * BAND_WIDTH_PX} />
        ))}
      </div>
      <div
        style={{
          display: "flex",
          flexDirection: "column",
          flexGrow: 1,
          justifyContent: "space-between",
          position: "relative",
          margin: "56px 72px 64px",
          padding: "40px 64px 32px",
          background: COLORS.card,
          borderRadius: 40,
          border: `2px solid ${COLORS.line}`,
        }}
      >
        <div style={{ fontSize: 40, fontWeight: 600, color: COLORS.soft }}>
          {t.markup("invitation.from", { phone: () => invite.value.inviter })}
        </div>
        <div style={{ fontSize: 150, fontWeight: 800, color: COLORS.red, letterSpacing: "0.06em", lineHeight: 1.2 }}>
          {invite.value.code}
        </div>
        <div style={{ display: "flex", margin: "0 -64px", borderTop: `4px dashed ${COLORS.line}` }} />
        <div style={{ ...biteStyle, left: -22 }} />
        <div style={{ ...biteStyle, right: -22 }} />
        <div style={{ fontSize: 44, fontWeight: 800 }}>{t("brand")}</div>
      </div>
    </div>,
    {
      ...size,
      fonts: await fonts,
      headers: {
        "Cache-Control": `public, max-age=${CACHED_S}`,
        Vary: "Accept-Language, Cookie",
        "X-Robots-Tag": "noindex",
      },
    },
  );
}
