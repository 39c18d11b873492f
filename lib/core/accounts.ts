import { read } from "@/lib/db/database";
import type { InviteCode } from "./invite-code";
import { type MaskedPhone, maskPhone, type Phone } from "./phone";

export interface Profile {
  phone: Phone;
  inviteCode: InviteCode;
  referralCount: number;
  /** The one invite code that the account activated; the inviter is null when that account is gone. */
  activated: { code: InviteCode; inviter: MaskedPhone | null; activatedAt: Date } | null;
}

/** The owner's view of an account, or null when there is none. Its cost doesn't grow with the number of referrals. */
export async function getProfile(userId: number): Promise<Profile | null> {
  const user = await read.user.findUnique({
    where: { id: userId },
    include: { activation: { include: { inviter: { select: { phone: true } } } } },
  });
  if (!user) return null;
  const { activation } = user;
  return {
    phone: user.phone as Phone,
    inviteCode: user.inviteCode as InviteCode,
    referralCount: user.referralCount,
    activated: activation && {
      code: activation.code as InviteCode,
      inviter: activation.inviter && maskPhone(activation.inviter.phone as Phone),
      activatedAt: activation.activatedAt,
    },
  };
}
