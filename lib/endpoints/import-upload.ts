import { keepRunning } from "@/lib/auth/after-answer";
import { consoleEntry } from "@/lib/auth/console";
import { readCredentials } from "@/lib/auth/credentials";
import { getConsoleAccess } from "@/lib/core/administration/console-access";
import { type UploadFailure, uploadImport } from "@/lib/core/administration/import-runs";
import { workOnImportsInBackground } from "@/lib/core/administration/import-work";
import { IMPORT_BODY_BYTES_MAX } from "@/lib/core/policy";
import { parseMultipart, readBytes } from "@/lib/http/body";
import { NO_STORE } from "@/lib/http/caching";
import { refuseAddress, UNKNOWN_VERBS } from "./not-found";
import { verbs } from "./verbs";

const PAGE = "/admin/people/import";

/** Why the form is shown again. `file_missing`: the form has no file, or is none. */
type Problem = UploadFailure["name"] | "file_missing";

/**
 * Serves `/api/admin/imports`: takes the form of the console's page with a file of accounts. It is no page, because pages take small
 * bodies only. It answers all but administrators as an address that doesn't exist, and so does every verb but POST. The session
 * and the console are checked before the body is read. Redirects to the page of the file, to the form with the problem's name, or to the
 * page for the console's codes.
 */
const POST = async (request: Request) => {
  const { session } = await readCredentials(request.headers);
  const access = session && (await getConsoleAccess(session));
  if (!access) return refuseAddress();
  if (!access.administrator) return redirectTo(consoleEntry(PAGE));
  const read = await readText(request);
  if (read.problem) return showProblem(read.problem);
  const uploaded = await uploadImport(access.administrator, read.text);
  if (!uploaded.ok) {
    const { name } = uploaded.failure;
    return name === "login_too_old" ? redirectTo(consoleEntry(PAGE)) : showProblem(name);
  }
  keepRunning(workOnImportsInBackground());
  return redirectTo(`${PAGE}/${uploaded.value.id}`);
};

/** The browser gets the page by GET (RFC 9110 §15.4.4). */
const redirectTo = (location: string) =>
  new Response(null, { status: 303, headers: { ...NO_STORE, Location: location } });

const showProblem = (problem: Problem) => redirectTo(`${PAGE}?problem=${problem}`);

/** Returns the text of the form's file, or why there is none. */
async function readText(request: Request): Promise<{ text: string; problem: null } | { problem: Problem }> {
  const bytes = await readBytes(request, IMPORT_BODY_BYTES_MAX);
  if (!bytes) return { problem: "file_too_large" };
  try {
    const file = (await parseMultipart(bytes, request.headers.get("content-type") ?? "")).get("file");
    const isFilled = file instanceof File && file.size > 0;
    return isFilled ? { text: await file.text(), problem: null } : { problem: "file_missing" };
  } catch (error) {
    if (error instanceof TypeError) return { problem: "file_missing" };
    throw error;
  }
}

export const importUpload = { ...verbs({ ...UNKNOWN_VERBS, POST }), OPTIONS: refuseAddress };
