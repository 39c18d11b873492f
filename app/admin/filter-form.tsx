import { getTranslations } from "next-intl/server";
import { Field } from "@/components/field";
import { env } from "@/lib/env";

/** A field of a filter: a text, a time, or with `options` a choice. */
export interface FilterField {
  name: string;
  label: string;
  hint?: string;
  type?: "text" | "date" | "datetime-local";
  options?: readonly { value: string; label: string }[];
}

/**
 * The form of a list's filter. It goes to the server in the body of a request, and from there to the address of the filter, so that
 * a phone that was typed by mistake is in no address.
 */
export async function FilterForm({
  action,
  hidden,
  home,
  fields,
  filter,
  malformed,
}: {
  action: (form: FormData) => Promise<void>;
  /** Further fields of the form, hidden, by name. */
  hidden: Record<string, string>;
  /** The address of the list without a filter. */
  home: string;
  fields: readonly FilterField[];
  filter: Record<string, string | undefined>;
  /** The names of the fields that were not understood. */
  malformed: readonly string[];
}) {
  const t = await getTranslations("admin.filter");
  const isSet = Object.values(filter).some((value) => value !== undefined) || malformed.length > 0;
  return (
    <details className="mb-6 rounded-card border border-line bg-card px-5" open={isSet}>
      <summary className="min-h-12 cursor-pointer py-3 font-semibold">{t("title")}</summary>
      <form action={action} className="pb-5" key={JSON.stringify([filter, malformed])}>
        {Object.entries(hidden).map(([name, value]) => (
          <input key={name} name={name} type="hidden" value={value} />
        ))}
        <div className="grid gap-4 sm:grid-cols-2 lg:grid-cols-4">
          {fields.map(({ name, label, hint, type = "text", options }) => (
            <div key={name}>
              {options ? (
                <>
                  <label className="mb-2 block font-semibold text-small" htmlFor={name}>
                    {label}
                  </label>
                  <select className="field h-12 text-small" defaultValue={filter[name] ?? ""} id={name} name={name}>
                    <option value="">{t("any")}</option>
                    {options.map(({ value, label: text }) => (
                      <option key={value} value={value}>
                        {text}
                      </option>
                    ))}
                  </select>
                </>
              ) : (
                <Field
                  attempt={0}
                  autoComplete="off"
                  className="field h-12 text-small"
                  defaultValue={filter[name]}
                  error={malformed.includes(name) ? (hint ?? t("malformed")) : null}
                  label={label}
                  name={name}
                  required={false}
                  type={type}
                />
              )}
            </div>
          ))}
        </div>
        <div className="mt-5 flex flex-wrap items-center gap-x-6 gap-y-2">
          <button className="button-quiet w-auto px-6" type="submit">
            {t("submit")}
          </button>
          {isSet && (
            <a className="link" href={home}>
              {t("clear")}
            </a>
          )}
          <span className="text-small text-soft">{t("zone", { zone: env.TIME_ZONE })}</span>
        </div>
      </form>
    </details>
  );
}
