/** Returns an HTML document that loads nothing from other servers. `body` is HTML; the caller has escaped the other texts. */
export function composeHtml({ language, subject }: { language: string; subject: string }, body: string): string {
  return `<!doctype html>
<html lang="${language}">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<title>${subject}</title>
<body style="margin:0;padding:32px 20px;font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif">
${body}
</body>
</html>
`;
}
