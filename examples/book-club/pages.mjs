// @ts-check
// The pages, as texts of HTML. They need no script.
import { createHash } from "node:crypto";

const STYLE = `
:root { color-scheme: light dark; font: 1.125rem/1.5 system-ui, sans-serif; accent-color: #a3262a; }
body { max-width: 34rem; margin: 0 auto; padding: 1.5rem 1rem; overflow-wrap: anywhere; }
dt { opacity: 0.75; font-size: 0.9rem; } dd { margin: 0 0 1rem; font-size: 1.25rem; }
form { display: inline-block; margin: 0 0.5rem 1rem 0; }
input { margin-bottom: 0.5rem; }
input, button, .button { font: inherit; padding: 0.5rem 1rem; border: 1px solid; border-radius: 0.5rem; max-width: 100%; box-sizing: border-box; }
button, .button { display: inline-block; background: #a3262a; color: #fff; border-color: #a3262a; text-decoration: none; cursor: pointer; }
`;

/** @param {string} issuer where a form may lead: after "Log out" the browser goes on to Sarafan */
export const contentSecurityPolicy = (issuer) =>
  [
    "default-src 'none'",
    `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
    `form-action 'self' ${new URL(issuer).origin}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");

const ENGLISH = {
  title: "Book club",
  about: "We read one book a month. Bring a friend and get a star.",
  invited: "A member of the club invites you.",
  logIn: "Log in with Sarafan",
  newcomer: "Reader",
  hello: (/** @type {string} */ name) => `Hello, ${name}!`,
  firstLogin: "This is your first visit. Welcome to the club!",
  phone: "Your phone, verified",
  noPhone: "not shown to the club",
  invitedBy: "Who invited you",
  stranger: "someone the club doesn’t know yet",
  noInviter: "no one",
  stars: "Your stars",
  referrals: "People whom you invited to Sarafan",
  link: "Your invitation to the club",
  name: "Your name in the club",
  save: "Save",
  refresh: "Ask Sarafan again",
  logOut: "Log out",
  denied: "You didn’t give the club access. You can change your mind.",
  failed: "The login did not succeed. Please begin again.",
  ended: "Your login has ended.",
  home: "To the first page",
};

/** @type {typeof ENGLISH} */
const RUSSIAN = {
  title: "Книжный клуб",
  about: "Мы читаем по книге в месяц. Кто приведёт друга, получит звезду.",
  invited: "Вас приглашает участник клуба.",
  logIn: "Войти через Сарафан",
  newcomer: "Читатель",
  hello: (name) => `Здравствуйте, ${name}!`,
  firstLogin: "Вы здесь впервые. Добро пожаловать в клуб!",
  phone: "Ваш подтверждённый номер",
  noPhone: "клуб его не видит",
  invitedBy: "Кто вас пригласил",
  stranger: "человек, которого клуб ещё не знает",
  noInviter: "никто",
  stars: "Ваши звёзды",
  referrals: "Сколько людей вы пригласили в Сарафан",
  link: "Ваше приглашение в клуб",
  name: "Ваше имя в клубе",
  save: "Сохранить",
  refresh: "Спросить Сарафан ещё раз",
  logOut: "Выйти",
  denied: "Вы не пустили клуб к своим данным. Можно передумать.",
  failed: "Войти не получилось. Начните, пожалуйста, сначала.",
  ended: "Вход больше не действует.",
  home: "На первую страницу",
};

/** Returns the language of a request: Russian if its browser prefers that to English. @param {string | undefined} acceptLanguage */
export const languageOf = (acceptLanguage = "") => (/\b(ru|en)\b/i.exec(acceptLanguage)?.[1] === "ru" ? "ru" : "en");

/** @param {string} language */
export const wordsOf = (language) => (language === "ru" ? RUSSIAN : ENGLISH);

/** Makes text of HTML safe. @param {unknown} value */
const escapeHtml = (value) => String(value).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** @param {string} language @param {string} body */
function page(language, body) {
  const { title } = wordsOf(language);
  return `<!doctype html>
<html lang="${language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${STYLE}</style></head>
<body><h1>${title}</h1>
${body}
</body></html>`;
}

/** The page of a visitor. @param {string} language @param {string | null} invite */
export function visitorPage(language, invite) {
  const words = wordsOf(language);
  const login = invite === null ? "/login" : `/login?${new URLSearchParams({ invite })}`;
  return page(
    language,
    `<p>${invite === null ? words.about : words.invited}</p>
<p><a class="button" href="${escapeHtml(login)}">${words.logIn}</a></p>`,
  );
}

/**
 * The page of a member.
 *
 * @param {string} language
 * @param {{ name: string, phone: string | null, inviter: string | null | undefined, isFirstLogin: boolean, stars: number, referrals: number,
 *   link: string }} member `inviter` is null without one, and undefined if the club does not know that person
 */
export function memberPage(language, { name, phone, inviter, isFirstLogin, stars, referrals, link }) {
  const words = wordsOf(language);
  const facts = [
    [words.phone, phone ?? words.noPhone],
    [words.invitedBy, inviter === null ? words.noInviter : (inviter ?? words.stranger)],
    [words.stars, stars === 0 ? "0" : `${stars} ${"★".repeat(Math.min(stars, 10))}`],
    [words.referrals, referrals],
    [words.link, link],
  ];
  return page(
    language,
    `<h2>${escapeHtml(words.hello(name))}</h2>
${isFirstLogin ? `<p>${words.firstLogin}</p>` : ""}
<dl>${facts.map(([term, value]) => `<dt>${term}</dt><dd>${escapeHtml(value)}</dd>`).join("\n")}</dl>
<form method="post" action="/name"><label>${words.name}<br><input name="name" value="${escapeHtml(name)}" maxlength="40" required></label>
<button>${words.save}</button></form>
<form method="post" action="/refresh"><button>${words.refresh}</button></form>
<form method="post" action="/logout"><button>${words.logOut}</button></form>`,
  );
}

/** A page that says why the person is not logged in. @param {string} language @param {"denied" | "failed" | "ended"} reason */
export function problemPage(language, reason) {
  const words = wordsOf(language);
  return page(language, `<p>${words[reason]}</p>\n<p><a class="button" href="/">${words.home}</a></p>`);
}
