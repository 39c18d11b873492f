import { getFormatter, getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { composeMessageTexts } from "@/lib/core/administration/message-texts";
import { guessBudget } from "@/lib/core/challenges/guess-budget";
import { GUESS_PROBABILITY_PER_DAY_MAX } from "@/lib/core/policy";
import { listSettings } from "@/lib/env";
import { describeConsolePage, renderConsolePage } from "../console-page";

export async function generateMetadata() {
  const t = await getTranslations("admin.settings");
  return describeConsolePage(t("title"));
}

/** The settings of this process, the guess budget that follows from them, and the texts of messages to phones. */
export default async function SettingsPage() {
  return renderConsolePage({ section: "settings", path: "/admin/settings" }, async () => {
    const t = await getTranslations("admin.settings");
    return (
      <>
        <h1>{t("title")}</h1>
        <p className="mt-3 text-soft">{t("lead")}</p>
        <GuessBudget />
        <MessageTexts />
        <SettingsInForce />
      </>
    );
  });
}

async function GuessBudget() {
  const [t, format] = await Promise.all([getTranslations("admin.settings"), getFormatter()]);
  const { guesses, probability, accountsPerNetwork, consoleProbability } = guessBudget();
  const write = (value: number) => format.number(value, { maximumSignificantDigits: 3 });
  return (
    <section>
      <h2 className="mt-8">{t("budget")}</h2>
      <dl className="mt-3">
        <Row name={t("chance")}>
          {write(probability)} ({t("allowed", { max: write(GUESS_PROBABILITY_PER_DAY_MAX) })})
          {guesses.map(({ digits, max }) => (
            <span className="block text-soft" key={digits}>
              {t("guesses", { digits, max })}
            </span>
          ))}
        </Row>
        <Row name={t("network")}>{write(accountsPerNetwork)}</Row>
        <Row name={t("console")}>{write(consoleProbability)}</Row>
      </dl>
    </section>
  );
}

async function MessageTexts() {
  const t = await getTranslations("admin.settings");
  const texts = composeMessageTexts();
  return (
    <section>
      <h2 className="mt-8">{t("texts")}</h2>
      <p className="mt-3 text-soft">{t("textsLead")}</p>
      {(["ru", "en"] as const).map((language) => (
        <section key={language}>
          <h3 className="mt-5">{t(`languages.${language}`)}</h3>
          <dl className="mt-3">
            {texts
              .filter((one) => one.language === language)
              .map(({ purpose, texts }) => (
                <Row key={purpose} name={t(`purposes.${purpose}`)}>
                  {texts.map(({ digits, text }) => (
                    <span className="mb-2 block whitespace-pre-line" key={digits} lang={language}>
                      {text}
                    </span>
                  ))}
                </Row>
              ))}
          </dl>
        </section>
      ))}
    </section>
  );
}

async function SettingsInForce() {
  const t = await getTranslations("admin.settings");
  return (
    <section>
      <h2 className="mt-8">{t("inForce")}</h2>
      <dl className="mt-3">
        {listSettings().map(({ name, value, source }) => (
          <Row key={name} name={name}>
            {value === null ? t("hidden") : value === "" ? t("unset") : value}
            {value !== "" && <span className="block text-soft">{t(`sources.${source}`)}</span>}
          </Row>
        ))}
      </dl>
    </section>
  );
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="grid gap-x-6 border-line border-b py-3 md:grid-cols-2">
      <dt className="break-words">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </div>
  );
}
