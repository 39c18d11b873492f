import { groupBy } from "@/lib/core/group-by";
import {
  SIGNAL_INVITEES_MIN,
  SIGNAL_NETWORK_GAP_MS,
  SIGNAL_NETWORK_SHARE_OF_INVITEES_MIN,
  SIGNAL_NUMBER_GAP_MAX,
  SIGNAL_SECONDS_GAP_MS,
} from "@/lib/core/policy";

/**
 * What can make the invitees of an account look made up.
 * - `network`: they came from one network, one soon after the other.
 * - `device`: they used one browser or application.
 * - `seconds`: they activated the code within seconds of each other.
 * - `numbers`: their phones follow each other.
 */
export const SIGNAL_KINDS = ["network", "device", "seconds", "numbers"] as const;
export type SignalKind = (typeof SIGNAL_KINDS)[number];

/** An invitee, with the network of the login code and with the browsers. */
export interface Invitee {
  id: number;
  phone: string | null;
  activatedAt: Date;
  /** The network that asked for the last code before the activation; null if it is not known. */
  network: string | null;
  browserIds: readonly string[];
}

/** Invitees of one account that have something in common. There are at least `SIGNAL_INVITEES_MIN` of them. */
export interface Group {
  kind: SignalKind;
  members: readonly Invitee[];
  /** When the first and the last of them activated the code. */
  firstAt: Date;
  lastAt: Date;
}

/** Returns the groups among the invitees of one account that are evidence. An invitee may be in several. */
export function findGroups(invitees: readonly Invitee[]): Group[] {
  const timeOf = ({ activatedAt }: Invitee) => activatedAt.getTime();
  const withPhone = invitees.filter(({ phone }) => phone !== null);
  const byNetwork = groupBy(invitees, ({ network }) => (network === null ? [] : [network]));
  const byBrowser = groupBy(invitees, ({ browserIds }) => browserIds);
  return [
    ...[...byNetwork.values()]
      .flatMap((members) => runsOf(members, timeOf, SIGNAL_NETWORK_GAP_MS))
      .flatMap((members) => groupOf("network", members))
      .filter((group) => shareOf(group, invitees) >= SIGNAL_NETWORK_SHARE_OF_INVITEES_MIN),
    ...[...byBrowser.values()].flatMap((members) => groupOf("device", members)),
    ...runsOf(invitees, timeOf, SIGNAL_SECONDS_GAP_MS).flatMap((members) => groupOf("seconds", members)),
    ...runsOf(withPhone, ({ phone }) => Number(phone), SIGNAL_NUMBER_GAP_MAX).flatMap((members) =>
      groupOf("numbers", members),
    ),
  ];
}

/** Returns the members as a group, or no group if there are too few. */
function groupOf(kind: SignalKind, members: readonly Invitee[]): Group[] {
  if (members.length < SIGNAL_INVITEES_MIN[kind]) return [];
  const times = members.map(({ activatedAt }) => activatedAt.getTime());
  return [{ kind, members, firstAt: new Date(Math.min(...times)), lastAt: new Date(Math.max(...times)) }];
}

/** Returns the share (0 to 1) of a group among all invitees of the inviter who came between its first and its last member. */
function shareOf({ members, firstAt, lastAt }: Group, invitees: readonly Invitee[]): number {
  const between = invitees.filter(({ activatedAt }) => activatedAt >= firstAt && activatedAt <= lastAt);
  return members.length / between.length;
}

/** Sorts invitees by a number, and splits them where the number is more than `gap` above the one before it. */
function runsOf(invitees: readonly Invitee[], numberOf: (invitee: Invitee) => number, gap: number): Invitee[][] {
  const runs: Invitee[][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const invitee of invitees.toSorted((one, other) => numberOf(one) - numberOf(other))) {
    if (numberOf(invitee) - last <= gap) runs.at(-1)?.push(invitee);
    else runs.push([invitee]);
    last = numberOf(invitee);
  }
  return runs;
}
