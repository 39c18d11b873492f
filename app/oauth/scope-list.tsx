import { getTranslations } from "next-intl/server";
import type { Scope } from "@/lib/core/oauth/scopes";

/** Says in plain words what each scope tells an application, as a list. */
export async function ScopeList({ scopes }: { scopes: readonly Scope[] }) {
  const t = await getTranslations("consents.scope");
  return (
    <ul className="list-disc pl-5">
      {scopes.map((scope) => (
        <li key={scope}>{t(scope)}</li>
      ))}
    </ul>
  );
}
