/**
 * Whether an `Accept` header likes a page better than JSON, by its weights (RFC 9110 §12.5.1). Not where it likes both alike, as
 * `curl` and most JSON clients do.
 */
export function prefersPage(accept: string | null): boolean {
  const weights = new Map(readWeights(accept ?? "*/*").map(({ value, weight }) => [value, weight]));
  // The most specific range that a type is in says how much it is liked.
  const page = weights.get("text/html") ?? weights.get("text/*") ?? weights.get("*/*") ?? 0;
  const json = weights.get("application/json") ?? weights.get("application/*") ?? weights.get("*/*") ?? 0;
  return page > json;
}

/** What a header such as `Accept` lists, in small letters and without parameters, each with its weight (RFC 9110 §12.4.2). */
export function readWeights(header: string): { value: string; weight: number }[] {
  return header.split(",").map((part) => {
    const [value = "", ...parameters] = part.toLowerCase().replace(/\s/g, "").split(";");
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? 1;
    return { value, weight: Number(weight) || 0 };
  });
}
