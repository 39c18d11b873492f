import type { ComponentProps, ComponentType, ReactNode } from "react";

/** What Swagger UI passes to a plugin, as far as it is used here. Swagger UI brings its own React, which is older than ours. */
interface System {
  React: typeof import("react");
}

interface LayoutProps extends System {
  getComponent: (name: string, isContainer: boolean) => ComponentType<Record<string, unknown>>;
  specSelectors: Record<"selectInfoTitleField" | "selectInfoDescriptionField" | "version", () => string | undefined>;
}

interface PopupProps {
  authActions: { showDefinitions: (definitions: false) => void };
}

/** Replaces one of Swagger UI's components, `Inside`, by a component that may show it. */
type Wrapped<Props> = (Inside: ComponentType<Props>, system: System) => ComponentType<Props>;

/** Swagger UI's layout without its `main` and `h1`, which our page has already, and without its choice of servers. */
function ReferenceLayout({ React: { createElement }, getComponent, specSelectors }: LayoutProps) {
  const part = (name: string, props = {}) => createElement(getComponent(name, true), props);
  return createElement(
    "div",
    { className: "swagger-ui" },
    part("SvgAssets"),
    part("errors"),
    createElement("h2", null, specSelectors.selectInfoTitleField(), " ", specSelectors.version()),
    part("Markdown", { source: specSelectors.selectInfoDescriptionField() }),
    part("AuthorizeBtnContainer"),
    part("operations"),
  );
}

/** Replaces a link by its text. The link would stand inside a button, and that button changes the page's address by itself. */
function DeepLink({ text }: { text: ReactNode }) {
  return text;
}

function CloseIcon() {
  return "Close";
}

/** A button without Swagger UI's `aria-label`, so that its text is its name, and without its class `button`, which would get our styles. */
const plainButton: Wrapped<ComponentProps<"button">> =
  (_, { React: { createElement } }) =>
  ({ "aria-label": _label, ...props }) =>
    createElement("button", props);

const labelledTextArea: Wrapped<ComponentProps<"textarea">> =
  (Inside, { React: { createElement } }) =>
  (props) =>
    createElement(Inside, { "aria-label": "Request body", ...props });

/** Puts Swagger UI's pop-up into a `dialog`, which keeps the focus inside and returns it to the opener when it closes. */
const popupInDialog: Wrapped<PopupProps> = (Inside, { React: { createElement, useEffect, useRef } }) =>
  function Popup(props) {
    const dialog = useRef<HTMLDialogElement>(null);
    useEffect(() => {
      const opener = document.activeElement;
      dialog.current?.showModal();
      return () => {
        if (opener instanceof HTMLElement) opener.focus();
      };
    }, []);
    const close = () => props.authActions.showDefinitions(false);
    return createElement(
      "dialog",
      { "aria-label": "Available authorizations", onClose: close, ref: dialog },
      createElement(Inside, props),
    );
  };

/** A plugin that fits Swagger UI into our page and corrects faults of its accessibility. */
export const referencePlugin = {
  components: { ReferenceLayout, DeepLink, CloseIcon },
  wrapComponents: { Button: plainButton, TextArea: labelledTextArea, authorizationPopup: popupInDialog },
};
