import type { ComponentProps, ComponentType, ReactNode } from "react";

/** What we use of the system that Swagger UI hands to its plugins. Its React is an older one than ours. */
interface System {
  React: typeof import("react");
}

interface LayoutProps extends System {
  getComponent: (name: string, isContainer: boolean) => ComponentType<Record<string, unknown>>;
  specSelectors: {
    selectInfoTitleField: () => string | undefined;
    selectInfoDescriptionField: () => string | undefined;
    version: () => string | undefined;
  };
}

interface PopupProps {
  authActions: { showDefinitions: (definitions: false) => void };
}

type Wrapped<Props> = (Inside: ComponentType<Props>, system: System) => ComponentType<Props>;

/** Swagger's layout without its main landmark and its h1, of which a page has one each, and its choice of servers. */
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
    part("Models"),
  );
}

/** No link: it stands in the button that opens the operation, and the page's address follows that anyway. */
function DeepLink({ text }: { text: ReactNode }) {
  return text;
}

function CloseIcon() {
  return "Close";
}

/** A button called what it shows, without the class of our own ones. */
const plainButton: Wrapped<ComponentProps<"button">> =
  (_, { React: { createElement } }) =>
  ({ "aria-label": _label, ...props }) =>
    createElement("button", props);

const labelledTextArea: Wrapped<ComponentProps<"textarea">> =
  (Inside, { React: { createElement } }) =>
  (props) =>
    createElement(Inside, { "aria-label": "Request body", ...props });

/** Swagger's pop-up in a dialog of the browser's, which holds the focus and gives it back. */
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

/** Fits Swagger UI into a page that has a frame of its own, and mends what would keep people from using it. */
export const referencePlugin = {
  components: { ReferenceLayout, DeepLink, CloseIcon },
  wrapComponents: { Button: plainButton, TextArea: labelledTextArea, authorizationPopup: popupInDialog },
};
