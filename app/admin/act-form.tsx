"use client";

import type { Route } from "next";
import Link from "next/link";
import { type ReactNode, useActionState } from "react";
import { CopyButton } from "@/components/copy-button";
import { Field, LinesField } from "@/components/field";
import { FieldError } from "@/components/field-error";
import { Focused } from "@/components/focused";
import { Problem } from "@/components/problem";
import { SubmitButton } from "@/components/submit-button";

/** Secrets that an act made, in the page's language. They are only in the answer to its form, so a page that is loaded later has none. */
export interface ShownOnce {
  title: string;
  lead: string;
  values: { name: string; label: string; hint?: string; value: string }[];
  copy: { label: string; done: string; failed: string };
}

/**
 * The state of the form after a failed submit: the typed texts, the error of each field or of the whole act, in the page's
 * language, and how many submits have failed. After an act that made secrets, the state is what is shown in place of the form.
 */
export type ActFormState = {
  typed: Record<string, string>;
  errors: Record<string, string>;
  attempt: number;
  shown?: ShownOnce;
} | null;

/** Boxes to tick, under a heading. */
export interface BoxGroup {
  label?: string;
  boxes: { value: string; label: string; hint?: string; isChecked?: boolean }[];
}

/**
 * A field of an act: a text field, a box to tick, with `options` a choice, of which `value` or the first option is chosen at the beginning, or with
 * `groups` boxes, of which each has the name `name.value` in the form.
 */
export interface ActField {
  name: string;
  label: string;
  hint?: string;
  /** `lines` is a text field of several lines. */
  type?: "text" | "tel" | "email" | "date" | "checkbox" | "lines";
  /** The text of the field before anything was typed, or the option that is chosen. */
  value?: string;
  isRequired?: boolean;
  options?: { value: string; label: string }[];
  groups?: BoxGroup[];
  /** Whether the box is ticked at the beginning. */
  isChecked?: boolean;
}

/**
 * The form of an act: what will happen, its fields, the reason, and the button that does it. After an error, the typed texts stay in the
 * fields. After an act that made secrets, shows them in place of all that.
 */
export function ActForm({
  children,
  action,
  back,
  hidden,
  fields,
  takesAway,
  words,
}: {
  children?: ReactNode;
  action: (state: ActFormState, form: FormData) => Promise<ActFormState>;
  back?: { href: Route; label: string };
  /** Further fields of the form, hidden, by name. */
  hidden: Record<string, string>;
  fields: ActField[];
  /** Whether the act takes something away from the person: then its button is red. */
  takesAway: boolean;
  words: { submit: string; pending: string; offline: string; reason: string; reasonHint: string };
}) {
  const [state, formAction] = useActionState(action, null);
  const attempt = state?.attempt ?? 0;
  const all: ActField[] = [
    ...fields,
    { name: "reason", label: words.reason, hint: words.reasonHint, isRequired: true },
  ];
  const first = all.find(({ name }) => state?.errors[name]) ?? all[0];
  const problem = state?.errors.act;
  const footer = back && (
    <p className="mt-6">
      <Link className="link" href={back.href}>
        {back.label}
      </Link>
    </p>
  );
  if (state?.shown)
    return (
      <>
        <Secrets {...state.shown} />
        {footer}
      </>
    );
  return (
    <form action={formAction} noValidate>
      {children}
      {Object.entries(hidden).map(([name, value]) => (
        <input key={name} name={name} type="hidden" value={value} />
      ))}
      {problem && (
        <Problem id="act-error" key={`error ${attempt}`}>
          {problem}
        </Problem>
      )}
      {all.map(({ name, label, hint, type = "text", value: given, isRequired = false, options, groups, isChecked }) => (
        <div className="mb-5" key={name}>
          {groups ? (
            <Boxes
              error={state?.errors[name]}
              groups={groups}
              hint={hint}
              key={attempt}
              label={label}
              name={name}
              typed={state?.typed}
            />
          ) : options ? (
            <fieldset key={attempt}>
              <legend className="mb-2 font-semibold text-small">{label}</legend>
              {options.map(({ value, label: text }, at) => (
                <label className="flex min-h-11 items-center gap-3" key={value}>
                  <input
                    className="size-5 shrink-0 accent-red"
                    defaultChecked={
                      state ? state.typed[name] === value : given === undefined ? at === 0 : value === given
                    }
                    name={name}
                    type="radio"
                    value={value}
                  />
                  <span className="min-w-0 break-words">{text}</span>
                </label>
              ))}
            </fieldset>
          ) : type === "checkbox" ? (
            <Box
              hint={hint}
              isChecked={state ? state.typed[name] === "on" : isChecked}
              key={attempt}
              label={label}
              name={name}
            />
          ) : type === "lines" ? (
            <LinesField
              attempt={attempt}
              autoComplete="off"
              defaultValue={state?.typed[name] ?? given}
              error={state?.errors[name] ?? null}
              hint={hint ?? null}
              label={label}
              name={name}
              required={isRequired}
              rows={3}
              spellCheck={false}
            />
          ) : (
            <Field
              attempt={attempt}
              autoComplete="off"
              autoFocus={name === first?.name}
              className="field h-12 text-[1rem]"
              defaultValue={state?.typed[name] ?? given}
              error={state?.errors[name] ?? null}
              hint={hint ?? null}
              label={label}
              name={name}
              required={isRequired}
              type={type}
            />
          )}
        </div>
      ))}
      <SubmitButton offline={words.offline} pending={words.pending} quiet={!takesAway}>
        {words.submit}
      </SubmitButton>
      {footer}
    </form>
  );
}

function Box({
  name,
  label,
  hint,
  isChecked = false,
}: {
  name: string;
  label: string;
  hint?: string | undefined;
  isChecked?: boolean | undefined;
}) {
  return (
    <label className="flex min-h-11 items-start gap-3 py-2">
      <input className="mt-0.5 size-5 shrink-0 accent-red" defaultChecked={isChecked} name={name} type="checkbox" />
      <span className="min-w-0 break-words">
        {label}
        {hint && <span className="block text-small text-soft">{hint}</span>}
      </span>
    </label>
  );
}

function Boxes({
  name,
  label,
  hint,
  groups,
  typed,
  error,
}: {
  name: string;
  label: string;
  hint: string | undefined;
  groups: BoxGroup[];
  /** What was typed before the last submit; undefined before the first. */
  typed: Record<string, string> | undefined;
  error: string | undefined;
}) {
  return (
    <fieldset aria-describedby={error ? `${name}-error` : undefined}>
      <legend className="mb-1 font-semibold text-small">{label}</legend>
      {hint && <p className="mb-1 text-small text-soft">{hint}</p>}
      {error && <FieldError id={`${name}-error`}>{error}</FieldError>}
      {groups.map(({ label: heading, boxes }) => {
        const shown = boxes.map(({ value, isChecked, ...box }) => {
          const full = `${name}.${value}`;
          return <Box {...box} isChecked={typed ? typed[full] === "on" : isChecked} key={value} name={full} />;
        });
        return heading ? (
          <fieldset className="mt-3" key={heading}>
            <legend className="text-small text-soft">{heading}</legend>
            {shown}
          </fieldset>
        ) : (
          <div key="all">{shown}</div>
        );
      })}
    </fieldset>
  );
}

function Secrets({ title, lead, values, copy }: ShownOnce) {
  return (
    <>
      <Focused>
        <h1 className="break-words">{title}</h1>
        <p className="mt-3 mb-6 text-soft">{lead}</p>
      </Focused>
      {values.map(({ name, label, hint, value }) => (
        <section aria-labelledby={name} className="mb-6" key={name}>
          <h2 className="mb-1 text-[1rem]" id={name}>
            {label}
          </h2>
          {hint && <p className="mb-2 text-small text-soft">{hint}</p>}
          <code className="panel mb-3 block select-all break-all rounded-card bg-wash px-4 py-3">{value}</code>
          <CopyButton done={copy.done} failed={copy.failed} label={copy.label} text={value} />
        </section>
      ))}
    </>
  );
}
