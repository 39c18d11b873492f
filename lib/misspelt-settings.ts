import { getCountries } from "libphonenumber-js/max";

/** Settings that scripts and the build read without lib/env.ts. */
const OTHER_SETTINGS = [
  "GATEWAY_PORT",
  "EXAMPLE_PORT",
  "BUILD_STANDALONE",
  "DATABASE_DIRECT_URL",
  "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY",
];

/**
 * Returns a sentence for each of `names` that is no setting but differs from one by a missing, additional or wrong letter, by
 * two swapped letters, or only in upper and lower case. `settings` are the names of the known settings.
 */
export function describeMisspelt(names: readonly string[], settings: ReadonlySet<string>): string[] {
  const known = [...settings, ...OTHER_SETTINGS, ...getCountries().map((country) => `SENDERS_${country}`)];
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
