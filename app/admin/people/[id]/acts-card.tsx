import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { DoneNotice } from "@/app/admin/done-notice";
import { ActName, TAKING_ACTS } from "./acts";

/** What an administrator can do on this person: a link to the page of each act. Those that take something away are red. */
export async function ActsCard({ userId, acts }: { userId: number; acts: readonly ActName[] }) {
  const t = await getTranslations("admin.acts");
  return (
    <section aria-labelledby="acts" className="mt-5 rounded-card border border-line bg-card p-5">
      <h2 className="text-large" id="acts">
        {t("title")}
      </h2>
      <p className="mt-2 text-small text-soft">{t("lead")}</p>
      <ul className="mt-4 flex flex-wrap gap-2">
        {acts.map((name) => (
          <li key={name}>
            <Link
              className={`button-quiet w-auto px-4 ${TAKING_ACTS.includes(name) ? "border-red text-red" : ""}`}
              href={`/admin/people/${userId}/${name}`}
              prefetch={false}
            >
              {t(`${name}.button`)}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** A notice of the act that has just been done, chosen by the query's `done`. */
export async function DoneAct({ done }: { done: string | string[] | undefined }) {
  const t = await getTranslations("admin.acts");
  const name = ActName.safeParse(done).data;
  if (!name) return null;
  return <DoneNotice done={name}>{t(`${name}.done`)}</DoneNotice>;
}
