import { getCountries } from "libphonenumber-js/max";

/** What scripts and the build read besides, past lib/env.ts. */
const OTHERS = ["GATEWAY_PORT", "BUILD_STANDALONE", "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY"];

/**
 * A sentence for each of `names` that is no setting and one letter off one, by the names of all that are settings: a letter that
 * is missing, one too many, another one, two in the wrong order, or letters of the wrong size.
 */
export function tellMisspelt(names: readonly string[], settings: ReadonlySet<string>): string[] {
  const known = [...settings, ...OTHERS, ...getCountries().map((country) => `SENDERS_${country}`)];
  const isKnown = new Set(known);
  return names.flatMap((name) => {
    const meant = isKnown.has(name) ? undefined : known.find((setting) => isOneLetterOff(name.toUpperCase(), setting));
    return meant === undefined ? [] : [`There is no setting ${name}: is ${meant} meant?`];
  });
}

function isOneLetterOff(name: string, setting: string): boolean {
  if (Math.abs(name.length - setting.length) > 1) return false;
  let from = 0;
  while (from < name.length && name[from] === setting[from]) from += 1;
  const [rest, wanted] = [name.slice(from), setting.slice(from)];
  const isSwapped = rest[0] === wanted[1] && rest[1] === wanted[0] && rest.slice(2) === wanted.slice(2);
  return rest.slice(1) === wanted.slice(1) || rest.slice(1) === wanted || rest === wanted.slice(1) || isSwapped;
}
