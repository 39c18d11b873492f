/** The methods of HTTP that are answered here; any other is refused everywhere (RFC 9110 §15.5.6). */
export const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
