import type { Message } from "./inbox";
import type { GatewayState } from "./state";
import { CHOICES, PROVIDERS, type ProviderName, type Switches } from "./switches";

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif; }
body { max-width: 64rem; margin: 0 auto; padding: 1rem; display: grid; gap: 1rem 2rem; }
@media (min-width: 52rem) { body { grid-template-columns: minmax(18rem, 26rem) 1fr; } h1 { grid-column: 1 / -1; } }
h1 { font-size: 1.25rem; margin: 0; }
article { margin: 0 0 1rem; padding: .75rem 1rem; border-radius: 1.25rem 1.25rem 1.25rem .25rem; background: light-dark(#eceaf2, #2a2833); }
article header, article footer { font-size: .8rem; opacity: .75; }
article p { margin: .35rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
fieldset { margin: 0 0 .75rem; border: 1px solid light-dark(#ccc, #555); border-radius: .75rem; display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; }
label { font-size: .8rem; }
label > * { display: block; font: inherit; font-size: 1rem; }
input[type=number] { width: 6rem; }
.on legend { font-weight: bold; }
`;

/** The page's script: it loads the messages again twice a second. Without JavaScript, a person reloads the page. */
const SCRIPT = `
const list = document.querySelector("main");
setInterval(async () => {
  const page = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
  const loaded = page.querySelector("main");
  if (loaded.innerHTML !== list.innerHTML) list.replaceChildren(...loaded.children);
}, 500);
`;

/** Renders the messages, newest first, as a phone shows them, and next to them the switches. */
export function renderPage(state: GatewayState): string {
  const messages = state.inbox.messages();
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Gateway</title>
<style>${STYLE}</style>
<h1>What the gateway delivered</h1>
<main aria-live="polite">${messages.length > 0 ? messages.map(renderMessage).join("") : "<p>Nothing yet.</p>"}</main>
<section aria-label="Switches">
${PROVIDERS.map((name) => renderSwitches(name, state.switches(name))).join("")}
<form method="post" action="/reset"><button>Reset all</button></form>
</section>
<script>${SCRIPT}</script>
`;
}

function renderMessage({ provider, to, subject, text, at, reports }: Message): string {
  return `<article>
<header>${escapeHtml(to)} · ${provider} · <time datetime="${at}">${at.slice(11, 19)}</time></header>
${subject && `<p><strong>${escapeHtml(subject)}</strong></p>`}
<p>${escapeHtml(text)}</p>
${reports.length > 0 ? `<footer>${escapeHtml(reports.join(" · "))}</footer>` : ""}
</article>`;
}

function renderSwitches(name: ProviderName, switches: Switches): string {
  const { answer, delayMs, report, reportDelayMs, callbackUrl } = switches;
  const isReporting = name === "twilio" || name === "smsru";
  const reporting = `${renderChoice("report", report)}${renderDelay("reportDelayMs", "reported after, ms", reportDelayMs)}`;
  return `<form method="post" action="/switches/${name}"><fieldset${answer === "accept" && delayMs === 0 ? "" : ' class="on"'}>
<legend>${name}</legend>
${renderChoice("answer", answer)}
${renderDelay("delayMs", "after, ms", delayMs)}
${isReporting ? reporting : ""}
${name === "smsru" ? `<label>reports to <input name="callbackUrl" type="url" value="${escapeHtml(callbackUrl)}"></label>` : ""}
<button>Set</button>
</fieldset></form>`;
}

function renderChoice(name: keyof typeof CHOICES, chosen: string): string {
  const options = CHOICES[name].map((choice) => `<option${choice === chosen ? " selected" : ""}>${choice}</option>`);
  return `<label>${name} <select name="${name}">${options.join("")}</select></label>`;
}

function renderDelay(name: string, label: string, ms: number): string {
  return `<label>${label} <input name="${name}" type="number" min="0" step="100" value="${ms}"></label>`;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
