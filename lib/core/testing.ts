import { drawInviteCode, type InviteCode } from "./invite-code";
import { requestCode, verifyCode } from "./login";
import { Asker, type CodeOwner, type OneTimeCode } from "./one-time-code";
import { Phone } from "./phone";

let people = 0;

/** A phone of a code range that belongs to no operator, another one each time. */
export function freshPhone(): Phone {
  people += 1;
  return Phone.parse(`+7945${String(people).padStart(7, "0")}`);
}

/** A browser that wants to log in to the phone's account. */
export function freshOwner(phone = freshPhone()): CodeOwner {
  return { phone, purpose: "login", asker: Asker.parse(crypto.randomUUID()) };
}

/** Has a code sent and returns it, as the person reads it. Throws when none may be sent yet. */
export async function receiveCode(owner: CodeOwner, now = new Date()): Promise<OneTimeCode> {
  let received = "";
  const send = async ({ code }: { code: string }) => {
    received = code;
    return true;
  };
  const sent = await requestCode(owner, { now, send });
  if (!sent.ok) throw new Error(sent.failure.name);
  return received as OneTimeCode;
}

/** A code of as many digits that is not this one. */
export function wrongCode(code: OneTimeCode): OneTimeCode {
  return code.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10)) as OneTimeCode;
}

/** A person with an account, `invited` by somebody's code or by nobody. */
export async function signUp({
  phone = freshPhone(),
  invited = null,
  now = new Date(),
}: {
  phone?: Phone;
  invited?: InviteCode | null;
  now?: Date;
} = {}): Promise<{ userId: number; phone: Phone; inviteCode: InviteCode }> {
  const owner = freshOwner(phone);
  const code = await receiveCode(owner, now);
  const inviteCode = drawInviteCode();
  const login = await verifyCode({ ...owner, code, invite: invited }, { now, drawInvite: () => inviteCode });
  if (!login.ok) throw new Error(login.failure.name);
  return { userId: login.value.userId, phone, inviteCode };
}
