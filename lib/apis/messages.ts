import { env } from "@/lib/env";
import type { EngineFailure, ErrorResponse } from "./engine";

/** The sentences of an API for failures that each of its endpoints can have. */
export interface Messages {
  failures: Record<Exclude<EngineFailure, "field_invalid">, string>;
  /** The sentence for each issue that a field's schema reports; `malformed` is the sentence for all other issues. */
  fields: Record<FieldIssue | "malformed", string>;
}

type FieldIssue =
  | "phone_invalid"
  | "email_invalid"
  | "code_malformed"
  | "invite_code_malformed"
  | "cursor_malformed"
  | "limit_invalid"
  | "parameter_unknown";

const BLOCKED_SENTENCES = {
  ru: (contact?: string) => `Аккаунт заблокирован.${contact ? ` Обратитесь: ${contact}` : ""}`,
  en: (contact?: string) => `The account is blocked.${contact ? ` Ask: ${contact}` : ""}`,
};

/**
 * Returns the response to a right code of a blocked account: a sentence, with the operator's `SUPPORT_CONTACT` if there is one.
 * `field` is the field of the body that has the API's errors. The API's document shows an example contact.
 */
export function blockedResponse(field: string, language: keyof typeof BLOCKED_SENTENCES): ErrorResponse {
  const sentence = BLOCKED_SENTENCES[language];
  return {
    status: 403,
    body: { [field]: sentence(env.SUPPORT_CONTACT) },
    example: {
      value: { [field]: sentence("support@sarafan.example") },
      description: "With the contact that the operator set as SUPPORT_CONTACT; without one the first sentence alone.",
    },
  };
}

/** The sentence for a missing field. It is the same in each API. */
export const FIELD_REQUIRED = "This field is required.";

/** The sentences of the APIs in Russian. */
export const RUSSIAN_MESSAGES: Messages = {
  failures: {
    body_malformed: "Тело запроса не удалось разобрать.",
    credentials_missing: "Учетные данные не были предоставлены.",
    token_invalid: "Токен недействителен или просрочен.",
    origin_foreign: "Запрос пришёл со страницы другого сайта.",
    method_not_allowed: "Метод не поддерживается.",
    body_too_large: "Тело запроса слишком велико.",
    media_type_unsupported: "Тело запроса ожидается в JSON, x-www-form-urlencoded или multipart/form-data.",
    unexpected: "Внутренняя ошибка сервера.",
    database_away: "Сервис временно недоступен. Повторите запрос позже.",
  },
  fields: {
    malformed: "Недопустимое значение.",
    phone_invalid: "Введите корректный номер телефона.",
    email_invalid: "Введите корректный адрес электронной почты.",
    code_malformed: "В коде от 4 до 10 цифр.",
    invite_code_malformed: "В инвайт-коде шесть знаков.",
    cursor_malformed: "Недопустимый курсор.",
    limit_invalid: "Введите целое число от 1 до 100.",
    parameter_unknown: "Неизвестный параметр.",
  },
};

/** The sentences of the APIs in English. */
export const ENGLISH_MESSAGES: Messages = {
  failures: {
    body_malformed: "The body could not be parsed.",
    credentials_missing: "Authentication credentials were not provided.",
    token_invalid: "The token is invalid or expired.",
    origin_foreign: "The request came from a page of another site.",
    method_not_allowed: "Method not allowed.",
    body_too_large: "The body is too large.",
    media_type_unsupported: "The body has to be JSON, x-www-form-urlencoded or multipart/form-data.",
    unexpected: "Internal server error.",
    database_away: "The service is not available at the moment. Try again later.",
  },
  fields: {
    malformed: "Invalid value",
    phone_invalid: "Invalid number",
    email_invalid: "Invalid e-mail address",
    code_malformed: "A code is 4 to 10 digits",
    invite_code_malformed: "An invite code has six characters",
    cursor_malformed: "Invalid cursor",
    limit_invalid: "A whole number from 1 to 100 is expected",
    parameter_unknown: "Unknown parameter",
  },
};

type MakeErrorResponse = (status: number, sentence: string) => ErrorResponse;

/** The Russian sentence for `budget_spent`. */
export const TOO_MANY_REQUESTS = "Слишком много запросов. Повторите позже.";

/** Makes the responses, in Russian, to each failure of a request for a code. */
export function sendFailures(makeResponse: MakeErrorResponse) {
  return {
    budget_spent: makeResponse(429, TOO_MANY_REQUESTS),
    country_not_allowed: makeResponse(400, "На этот номер коды не отправляются."),
    resend_too_early: makeResponse(429, "Код уже отправлен. Новый можно запросить позже."),
    code_not_sent: makeResponse(503, "Код не удалось отправить. Повторите запрос позже."),
  };
}

/** Makes the responses, in Russian, to each failure of activating an invite code. */
export function inviteFailures(makeResponse: MakeErrorResponse) {
  return {
    budget_spent: makeResponse(429, TOO_MANY_REQUESTS),
    invite_already_activated: makeResponse(409, "Вы уже активировали инвайт-код."),
    invite_unknown: makeResponse(404, "Инвайт-код не найден."),
    invite_own: makeResponse(400, "Нельзя активировать собственный инвайт-код."),
    invite_circular: makeResponse(400, "Этот человек сам пришёл по вашему приглашению."),
  };
}
