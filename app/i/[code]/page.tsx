import querystring from "node:querystring";
import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { cache } from "react";
import { answerNotFound, answerTooManyRequests } from "@/app/page-refusals";
import { Countdown } from "@/components/countdown";
import { MaskedIdentity } from "@/components/masked-identity";
import { Sheet } from "@/components/sheet";
import { SubmitButton } from "@/components/submit-button";
import { Ticket, TicketCode } from "@/components/ticket";
import { currentRequester } from "@/lib/auth/current-requester";
import { currentSession } from "@/lib/auth/nextauth";
import { getProfile } from "@/lib/core/accounts/accounts";
import type { ActivateInviteFailure, Invite } from "@/lib/core/invites/activation";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { getInvite, previewInvite } from "@/lib/core/invites/look-up";
import { DelayedChanges } from "../../account/delayed-changes";
import { acceptInvitation, activateInvitation } from "../actions";
import InvitationNotFound from "./not-found";

/** An invitation: `invited` asks a person without a session to sign up, `asked` asks the owner of an account to activate the code. */
type Invitation = { name: "invited" | "asked"; invite: Invite } | ActivateInviteFailure;

/** Finds the invitation of a code, or why the requester can't use it. Looking up an unknown code counts against the requester's network. */
const findInvitation = cache(async (code: InviteCode | null): Promise<Invitation> => {
  if (!code) return { name: "invite_unknown" };
  const session = await currentSession();
  if (!session) {
    const found = await getInvite(code, await currentRequester());
    return found.ok ? { name: "invited", invite: found.value } : found.failure;
  }
  // People open their own link to check it, so `invite_own` comes before any other reason to refuse it.
  const profile = await getProfile(session.userId);
  if (profile?.inviteCode === code) return { name: "invite_own" };
  const found = await previewInvite({ userId: session.userId, code }, await currentRequester());
  return found.ok ? { name: "asked", invite: found.value } : found.failure;
});

/** Parses the invite code in an address; null for any other text. Next.js itself decodes addresses only in requests of its own script. */
function readCode(segment: string): InviteCode | null {
  return InviteCode.safeParse(querystring.unescape(segment)).data ?? null;
}

export async function generateMetadata({ params }: PageProps<"/i/[code]">): Promise<Metadata> {
  const t = await getTranslations();
  const invitation = await findInvitation(readCode((await params).code));
  const title = t(`invitation.titles.${invitation.name}`);
  // Without `images`, Next.js would link to a preview picture, which only a valid invitation has.
  if (!("invite" in invitation)) return { title, robots: { index: false }, openGraph: { images: [] } };
  const description = t.markup("invitation.from", { phone: () => invitation.invite.inviter });
  return {
    title,
    description,
    robots: { index: false },
    openGraph: { title: t("invitation.titles.invited"), description, siteName: t("brand"), type: "website" },
  };
}

/**
 * Shows an invitation with the button to accept or activate it, or why that is refused: 404 for an unknown code, 429 after too many
 * look-ups. A code that is spelt otherwise, as in lower case, is redirected to its usual spelling.
 */
export default async function InvitationPage({ params }: PageProps<"/i/[code]">) {
  const segment = (await params).code;
  const code = readCode(segment);
  if (code && code !== segment) redirect(`/i/${code}`);
  const [t, invitation] = await Promise.all([getTranslations("invitation"), findInvitation(code)]);
  const title = t(`titles.${invitation.name}`);
  switch (invitation.name) {
    case "invited":
      return <Invited invite={invitation.invite} />;
    case "asked":
      return <Asked invite={invitation.invite} />;
    case "budget_spent":
      answerTooManyRequests(invitation.retryAfterMs);
      return <TooOften waitMs={invitation.retryAfterMs} />;
    case "invite_unknown":
      answerNotFound();
      return <InvitationNotFound />;
    case "invite_own":
      return <Refused lead={t("ownLead")} title={title} />;
    case "invite_circular":
      return <Refused lead={t("circularLead")} title={title} />;
    case "invite_already_activated":
      return <Refused lead={t("alreadyLead", { code: invitation.activated })} title={title} />;
  }
}

async function Invited({ invite }: { invite: Invite }) {
  const t = await getTranslations("invitation");
  return (
    <Sheet>
      <h1>{t.rich("from", { phone: () => <MaskedIdentity masked={invite.inviter} /> })}</h1>
      <p className="mt-4 mb-8 text-soft">{t("lead")}</p>
      <InviteTicket action={acceptInvitation} code={invite.code} submit={t("accept")} />
    </Sheet>
  );
}

async function Asked({ invite }: { invite: Invite }) {
  const t = await getTranslations("invitation");
  return (
    <Sheet>
      <DelayedChanges />
      <h1>{t("titles.asked")}</h1>
      <p className="mt-4 mb-8">
        {t.rich("confirmFrom", { phone: () => <MaskedIdentity masked={invite.inviter} /> })} {t("confirmLead")}
      </p>
      <InviteTicket action={activateInvitation} code={invite.code} submit={t("activate")} />
      <p className="mt-4">
        <Link className="link" href="/profile">
          {t("later")}
        </Link>
      </p>
    </Sheet>
  );
}

/** A ticket with an invite code, and on its stub the button that runs `action`. */
async function InviteTicket({
  code,
  submit,
  action,
}: {
  code: InviteCode;
  submit: string;
  action: (form: FormData) => Promise<void>;
}) {
  const t = await getTranslations("invitation");
  return (
    <Ticket
      stub={
        <form action={action} className="w-full">
          <input name="code" type="hidden" value={code} />
          <SubmitButton pending={submit}>{submit}</SubmitButton>
        </form>
      }
      upright
    >
      <p className="mb-1 font-semibold text-small text-soft">{t("code")}</p>
      <TicketCode code={code} />
    </Ticket>
  );
}

async function TooOften({ waitMs }: { waitMs: number }) {
  const t = await getTranslations("invitation");
  return (
    <Sheet>
      <DelayedChanges />
      <h1>{t("titles.budget_spent")}</h1>
      <p className="mt-4">{t.rich("tooOftenLead", { time: () => <Countdown key={waitMs} ms={waitMs} /> })}</p>
    </Sheet>
  );
}

async function Refused({ title, lead }: { title: string; lead: string }) {
  const t = await getTranslations("invitation");
  return (
    <Sheet>
      <DelayedChanges />
      <h1>{title}</h1>
      <p className="mt-4 mb-8 text-soft">{lead}</p>
      <Link className="button" href="/profile">
        {t("toProfile")}
      </Link>
    </Sheet>
  );
}
