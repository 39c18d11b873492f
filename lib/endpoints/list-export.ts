import { consoleEntry } from "@/lib/auth/console";
import { readCredentials } from "@/lib/auth/credentials";
import { getConsoleAccess } from "@/lib/core/administration/console-access";
import { ExportedList, exportList } from "@/lib/core/administration/list-export";
import { NO_STORE } from "@/lib/http/caching";
import { isForeignRequest } from "@/lib/http/origin";
import { retryAfter } from "@/lib/http/retry-after";
import { refuseAddress, UNKNOWN_VERBS } from "./not-found";
import { streamOf } from "./stream";
import { refuse, verbs } from "./verbs";

/**
 * Serves `/api/admin/<list>`: a list of the admin console as a CSV file, with the filter of the query. It answers all but
 * administrators as an address that doesn't exist, and so does every verb but GET. It redirects to the page for the console's codes
 * when the console is closed, or when the list has full phones and the codes are too old. Failures: `origin_foreign`,
 * because each export writes an audit event; `field_invalid`, `budget_spent`.
 */
const GET = async (request: Request, { params }: { params: Promise<{ list: string }> }) => {
  const { session } = await readCredentials(request.headers);
  const access = session && (await getConsoleAccess(session));
  const list = ExportedList.safeParse((await params).list);
  if (!access || !list.success) return refuseAddress();
  if (isForeignRequest({ method: "POST", headers: request.headers })) return refuse("origin_foreign");
  const enter = () =>
    new Response(null, { status: 307, headers: { ...NO_STORE, Location: consoleEntry(`/admin/${list.data}`) } });
  if (!access.administrator) return enter();

  const now = new Date();
  const filter = Object.fromEntries(new URL(request.url).searchParams);
  const exported = await exportList(access.administrator, list.data, filter, now);
  if (!exported.ok) {
    switch (exported.failure.name) {
      case "login_too_old":
        return enter();
      case "filter_malformed":
        return refuse("field_invalid");
      case "budget_spent":
        return refuse("budget_spent", retryAfter(exported.failure.retryAfterMs));
    }
  }
  return new Response(streamOf(exported.value), {
    headers: {
      "Cache-Control": "private, no-store",
      "Content-Type": "text/csv; charset=utf-8",
      "Content-Disposition": `attachment; filename="${list.data}-${now.toISOString().slice(0, 10)}.csv"`,
    },
  });
};

export const listExport = { ...verbs({ ...UNKNOWN_VERBS, GET }), OPTIONS: refuseAddress };
