/** The HTTP methods that this server supports. Every address refuses other methods with 405 (RFC 9110 §15.5.6). */
export const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
