import type { Route } from "next";
import { type LogoutProblem, type LogoutRequest, wayBackOf } from "@/lib/core/oauth/logout-request";

const pageWith = (page: string, request: LogoutRequest): Route => {
  const query = new URLSearchParams(wayBackOf(request)).toString();
  return (query === "" ? page : `${page}?${query}`) as Route;
};

/** The page that asks the person whether to log out. */
export const confirmLogoutPage = (request: LogoutRequest) => pageWith("/oauth/logout/confirm", request);
/** The page that says that the person is logged out, and goes on to the application. */
export const loggedOutPage = (request: LogoutRequest) => pageWith("/oauth/logout/done", request);
/** The page that says why a request for a logout is refused. */
export const refusedLogoutPage = (reason: LogoutProblem) => `/oauth/logout/refused?reason=${reason}` as Route;

/** Returns the query of a page as text that `readLogoutRequest` reads. */
export function queryOf(searchParams: Record<string, string | string[] | undefined>): URLSearchParams {
  const pairs = Object.entries(searchParams).flatMap(([name, value]) =>
    [value ?? []].flat().map((each) => [name, each] as [string, string]),
  );
  return new URLSearchParams(pairs);
}
