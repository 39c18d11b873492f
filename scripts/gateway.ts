import { startGateway } from "../gateway/gateway";
import { Refusal } from "./internal/tool.mjs";

const port = Number(process.env.GATEWAY_PORT || 8025);
if (!Number.isInteger(port) || port < 1 || port > 65_534) {
  throw new Refusal("The setting GATEWAY_PORT must be a whole number from 1 to 65534; mail goes to the port after it.");
}

const gateway = await startGateway({ port, smtpPort: port + 1 }).catch((error: NodeJS.ErrnoException) => {
  if (error.code !== "EADDRINUSE") throw error;
  throw new Refusal(
    `Port ${port} or the one after it is taken already; choose another: GATEWAY_PORT=9025 npm run gateway`,
  );
});

console.log(`
What is sent is shown at ${gateway.url} (Ctrl-C ends it). Settings that lead here:

SENDERS=smsru,twilio
REVEAL_CODES=false
TWILIO_URL=${gateway.url}/twilio
TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000
TWILIO_AUTH_TOKEN=any
TWILIO_FROM=+15005550006
SMSRU_URL=${gateway.url}/smsru
SMSRU_API_ID=any
SMSC_URL=${gateway.url}/smsc
SMSC_LOGIN=any
SMSC_PASSWORD=any
TELEGRAM_GATEWAY_URL=${gateway.url}/telegram
TELEGRAM_GATEWAY_TOKEN=any
HTTP_SENDER_URL=${gateway.url}/http
HTTP_SENDER_BODY='{"to":"{phone}","text":"{text}"}'
SMTP_URL=${gateway.smtpUrl}
MAIL_FROM=codes@sarafan.example
`);
