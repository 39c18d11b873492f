import { getTranslations } from "next-intl/server";
import { Countdown } from "@/components/countdown";
import { DeliveryNote } from "@/components/delivery-note";
import { Focused } from "@/components/focused";
import { SubmitButton } from "@/components/submit-button";
import { isUnusable, UnusableCode } from "@/components/unusable-code";
import { stampForm } from "@/lib/auth/form-stamps";
import type { CodeStatus } from "@/lib/core/challenges/code-status";
import { formatRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { CODE_DIGITS } from "@/lib/core/policy";
import { CodeForm, type CodeFormState } from "./code-form";

interface Code {
  /** The name of the form field that the code is typed in. */
  name: string;
  recipient: Recipient;
}
type SentCode = Code & { status: CodeStatus };

interface CodeStepProps<AnyCode extends Code> {
  codes: AnyCode[];
  /** Further fields of both forms, hidden, by name. */
  hidden?: Record<string, string>;
  /** How many digits a code has if no wrong codes made it longer. */
  usualDigits?: number;
  /** Whether the form is submitted as soon as its one code is complete, and redirects back to this page after a wrong code. */
  isAutoSubmitted?: boolean;
  enter: {
    action: (state: CodeFormState, form: FormData) => Promise<CodeFormState>;
    label: string;
    /** The button's label while the codes are checked, if it differs from the usual one. */
    pending?: string;
  };
}

/**
 * The step of a page in which one-time codes are typed. It shows the form for the codes, or why they can't be used any more, and
 * below it the button that requests new codes, once the wait is over. Before the first codes were sent, it shows the button alone.
 */
export async function CodeStep({
  codes,
  send,
  ...typing
}: CodeStepProps<Code & { status: CodeStatus | null }> & {
  send: {
    action: (form: FormData) => Promise<void>;
    /** The button's label before the first codes are sent. */
    label?: string;
    waitMs: number;
  };
}) {
  const t = await getTranslations("code");
  const sent = codes.filter((code): code is SentCode => code.status !== null);
  const isSent = sent.length === codes.length;
  const count = codes.length === 1 ? "one" : "several";
  const { action, label, waitMs } = send;
  const requestForm = (
    <form action={action} className="mt-4">
      {Object.entries({ ...typing.hidden, stamp: await stampForm() }).map(([name, value]) => (
        <input key={name} name={name} type="hidden" value={value} />
      ))}
      <SubmitButton
        offline={t("offline")}
        pending={t("sending")}
        quiet={isSent && !sent.some(({ status }) => isUnusable(status))}
      >
        {isSent || !label ? t("resend", { codes: count }) : label}
      </SubmitButton>
    </form>
  );
  return (
    <>
      {isSent && <CodeEntry codes={sent} {...typing} />}
      {waitMs > 0 && (
        <p className="mt-5 text-small text-soft">
          {t.rich("resendIn", { codes: count, time: () => <Countdown key={waitMs} ms={waitMs} /> })}
        </p>
      )}
      {/* Without JavaScript the page doesn't change at the end of the wait, so the form is there from the beginning. */}
      {waitMs > 0 ? <noscript>{requestForm}</noscript> : requestForm}
    </>
  );
}

async function CodeEntry({
  codes,
  hidden = {},
  usualDigits = CODE_DIGITS,
  isAutoSubmitted = false,
  enter,
}: CodeStepProps<SentCode>) {
  const t = await getTranslations("code");
  const [only, ...others] = codes;
  const isAlone = others.length === 0;
  const labelOf = ({ recipient }: Code) => (isAlone ? t("label") : t("labelTo", { to: formatRecipient(recipient) }));
  const hintOf = ({ digits }: CodeStatus) => (digits > usualDigits ? t("longer", { digits }) : null);
  // A new key empties the fields and sets the focus: after new codes were sent, and after a wrong code that led back to this page
  // (`isAutoSubmitted`). In other forms the action's result empties a field with a wrong code.
  const key = codes
    .map(({ status: { sentAt, triesUsed } }) => `${sentAt.getTime()} ${isAutoSubmitted ? triesUsed : ""}`)
    .join();
  if (codes.some(({ status }) => isUnusable(status))) {
    return (
      <Focused key={key}>
        {codes.map((code) => (
          <UnusableCode
            code={code.status}
            id={`${code.name}-error`}
            key={code.name}
            label={isAlone ? null : labelOf(code)}
          />
        ))}
      </Focused>
    );
  }
  const fields = codes.map((code) => {
    const { digits, triesUsed, triesLeft } = code.status;
    return {
      name: code.name,
      label: labelOf(code),
      digits,
      isAutofilled: isAutoSubmitted || code.recipient.kind === "phone",
      hint: isAutoSubmitted ? null : hintOf(code.status),
      error: isAutoSubmitted && triesUsed > 0 ? t("wrongTriesLeft", { tries: triesLeft }) : null,
      errors: {
        missing: isAutoSubmitted ? t("malformed", { digits }) : t("missing"),
        malformed: t("malformed", { digits }),
        wrong: t("wrong"),
      },
    };
  });
  const hint = isAutoSubmitted && only && hintOf(only.status);
  const expiresInMs = Math.min(...codes.map(({ status }) => status.expiresInMs));
  return (
    <>
      {isAlone && only && <DeliveryNote delivery={only.status.delivery} />}
      {hint && <p className="mb-4 text-small text-soft">{hint}</p>}
      <CodeForm
        action={enter.action}
        fields={fields}
        hidden={hidden}
        isAutoSubmitted={isAutoSubmitted}
        key={key}
        words={{ submit: enter.label, pending: enter.pending ?? t("checking"), offline: t("offline") }}
      />
      <Countdown hidden key={`expiry ${expiresInMs}`} ms={expiresInMs} />
    </>
  );
}
