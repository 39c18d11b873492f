const LANGUAGES = [
  { locale: "ru", short: "Рус", name: "Русский" },
  { locale: "en", short: "Eng", name: "English" },
];

/** Buttons that switch the language by `action`. They are not links, because a GET request must not change a cookie. */
export function LanguageSwitch({
  current,
  label,
  action,
}: {
  current: string;
  label: string;
  action: (form: FormData) => Promise<void>;
}) {
  return (
    <form action={action} aria-label={label} className="-mr-2 flex items-baseline text-small">
      {LANGUAGES.map(({ locale, short, name }, at) => (
        <span className="flex items-baseline" key={locale} lang={locale}>
          {at > 0 && <span aria-hidden="true">·</span>}
          <button
            aria-current={locale === current}
            aria-label={`${short}, ${name}`}
            className="min-h-11 min-w-11 cursor-pointer px-2 text-soft hover:text-ink aria-[current=true]:font-bold aria-[current=true]:text-ink"
            name="locale"
            type="submit"
            value={locale}
          >
            {short}
          </button>
        </span>
      ))}
    </form>
  );
}
