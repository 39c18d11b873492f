import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { cache, type ReactNode } from "react";
import { MaskedIdentity } from "@/components/masked-identity";
import { Sheet } from "@/components/sheet";
import { SubmitButton } from "@/components/submit-button";
import { refusalPage } from "@/lib/auth/authorization-pages";
import { currentSession } from "@/lib/auth/nextauth";
import { continuePage, readPendingAuthorization } from "@/lib/auth/pending-authorization";
import { getProfile } from "@/lib/core/accounts/accounts";
import { maskIdentity } from "@/lib/core/identity/masking";
import { type Authorization, findNextStep, resumeAuthorization } from "@/lib/core/oauth/authorization-steps";
import type { RedirectUri } from "@/lib/core/oauth/redirect-uri";
import { pairwiseSessionId } from "@/lib/core/oauth/subjects";
import { ScopeList } from "../../scope-list";
import { allowApplication, changeAccount, denyApplication } from "./actions";

type PageOptions = PageProps<"/oauth/consent/[id]">;

/** Returns the request of this id with its application, or leads to the page that says why there is none. */
const requireAuthorization = cache(async (id: string): Promise<Authorization> => {
  const pending = (await readPendingAuthorization(id)) ?? redirect(refusalPage("expired"));
  return (await resumeAuthorization(pending)) ?? redirect(refusalPage("outdated"));
});

export async function generateMetadata({ params }: PageOptions): Promise<Metadata> {
  const [t, { client }] = await Promise.all([
    getTranslations("authorization"),
    requireAuthorization((await params).id),
  ]);
  return { title: t("consentTitle", { application: client.name }), robots: { index: false } };
}

/** Asks the person whether the application may learn what it asks for. Goes on if there is nothing to ask, or a login has to come before. */
export default async function ConsentPage({ params }: PageOptions) {
  const { id } = await params;
  const [t, session, authorization] = await Promise.all([
    getTranslations("authorization"),
    currentSession(),
    requireAuthorization(id),
  ]);
  const step = await findNextStep(authorization, session);
  const account = session && step.name === "consent" ? await getProfile(session.userId) : null;
  if (!session || !account) redirect(continuePage(id));
  const { client, redirectUri, scopes } = authorization;
  const fields = { id, session: pairwiseSessionId(session.firstId, client.id) };
  return (
    <Sheet>
      <h1 className="break-words">{t("consentTitle", { application: client.name })}</h1>
      <p className="mt-3 mb-2 break-words">{t("learns", { application: client.name })}</p>
      <ScopeList scopes={scopes} />
      <p className="mt-4 mb-6 break-words text-small text-soft">
        {t("withdrawal")} {goesOnTo(redirectUri, t)}
      </p>
      <Answer action={allowApplication} fields={fields}>
        <SubmitButton pending={t("goingOn")}>{t("allow")}</SubmitButton>
      </Answer>
      <Answer action={denyApplication} fields={fields}>
        <SubmitButton pending={t("goingOn")} quiet>
          {t("deny")}
        </SubmitButton>
      </Answer>
      <Answer action={changeAccount} fields={fields}>
        <p className="mt-3 text-small">
          {t.rich("account", { identity: () => <MaskedIdentity masked={maskIdentity(account)} /> })}{" "}
          <button className="link" type="submit">
            {t("otherAccount")}
          </button>
        </p>
      </Answer>
    </Sheet>
  );
}

/** A form of the page. It names the request and the session that the page showed. */
function Answer({
  action,
  fields,
  children,
}: {
  action: (form: FormData) => Promise<void>;
  fields: Record<string, string>;
  children: ReactNode;
}) {
  return (
    <form action={action} className="mt-3">
      {Object.entries(fields).map(([name, value]) => (
        <input key={name} name={name} type="hidden" value={value} />
      ))}
      {children}
    </form>
  );
}

/** Says where the person is sent after the answer: the host of a site, or an application on this device. */
function goesOnTo(uri: RedirectUri, t: Awaited<ReturnType<typeof getTranslations<"authorization">>>): string {
  const { protocol, host } = new URL(uri);
  return protocol === "https:" ? t("goesOnToHost", { host }) : t("goesOnToDevice");
}
