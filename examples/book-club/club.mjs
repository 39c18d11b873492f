// @ts-check
// What the club itself knows. All of it is in memory and is lost when the club ends; a real application has a database here.

/** @typedef {{ name: string, inviteCode: string }} Member */

/** Members by their `sub`, the identifier that Sarafan gives a person at this application. @type {Map<string, Member>} */
const members = new Map();
/** How many stars belong to an invite code. A star may come before its person's first login here. @type {Map<string, number>} */
const stars = new Map();
/** The ids of events that gave a star. The same event may come again. @type {Set<string>} */
const handledEvents = new Set();

/**
 * Returns the member with this `sub`, who becomes one at the first login.
 *
 * @param {string} sub
 * @param {{ name: string, inviteCode: string }} newcomer
 */
export function welcome(sub, { name, inviteCode }) {
  const member = { name: members.get(sub)?.name ?? `${name} ${members.size + 1}`, inviteCode };
  members.set(sub, member);
  return member;
}

/** @param {string} sub */
export const findMember = (sub) => members.get(sub);

/** @param {string} sub @param {string} name */
export function rename(sub, name) {
  const member = members.get(sub);
  if (member) member.name = name;
}

/** @param {string} inviteCode */
export const starsOf = (inviteCode) => stars.get(inviteCode) ?? 0;

/**
 * Gives a star to the person whose invite code was activated, once for each event.
 *
 * @param {{ id: string, type: string, isTest: boolean, data: { inviteCode?: string } }} event
 */
export function handleEvent({ id, type, isTest, data: { inviteCode } }) {
  if (type !== "invite.activated" || isTest || inviteCode === undefined || handledEvents.has(id)) return;
  handledEvents.add(id);
  stars.set(inviteCode, starsOf(inviteCode) + 1);
}
