/**
 * Whether an `Accept` header gives HTML a higher weight than JSON (RFC 9110 §12.5.1). Equal weights, which `curl` and most JSON
 * clients send, count as JSON.
 */
export function prefersPage(accept: string | null): boolean {
  const weights = new Map(readWeights(accept ?? "*/*").map(({ value, weight }) => [value, weight]));
  // Of the media ranges that match a type, the most specific one counts.
  const page = weights.get("text/html") ?? weights.get("text/*") ?? weights.get("*/*") ?? 0;
  const json = weights.get("application/json") ?? weights.get("application/*") ?? weights.get("*/*") ?? 0;
  return page > json;
}

/** Parses a header such as `Accept`: its values in lower case and without parameters, each with its weight from 0 to 1 (RFC 9110 §12.4.2). */
export function readWeights(header: string): { value: string; weight: number }[] {
  return header.split(",").map((part) => {
    const [value = "", ...parameters] = part.toLowerCase().replace(/\s/g, "").split(";");
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? 1;
    return { value, weight: Number(weight) || 0 };
  });
}
