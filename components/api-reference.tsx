"use client";

import { useEffect, useRef, useState } from "react";
import { referencePlugin } from "./api-reference-plugin";

/** Loads Swagger UI's script (half a megabyte compressed) and styles. Only the page of the API reference loads them. */
async function loadSwaggerUi() {
  // Without this setting, Swagger UI's script handles clicks on all links within the page, including our skip link.
  Object.assign(window, { noZensmooth: true });
  const [{ default: swaggerUi }] = await Promise.all([
    import("swagger-ui-dist/swagger-ui-es-bundle.js"),
    import("swagger-ui-dist/swagger-ui.css"),
    import("./api-reference.css"),
  ]);
  return swaggerUi;
}

interface OpenApiDocument {
  components?: { securitySchemes?: Record<string, { in?: string }> };
}

/** Loads the OpenAPI document and removes the servers and credentials that this page can't use. Throws if the server refuses it. */
async function loadDocument(url: string) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const { components, ...document }: OpenApiDocument = await response.json();
  // The browser sends the session cookie by itself. A field for it would set a second, wrong cookie.
  const schemes = Object.entries(components?.securitySchemes ?? {}).filter(([, scheme]) => scheme.in !== "cookie");
  return {
    ...document,
    components: { ...components, securitySchemes: Object.fromEntries(schemes) },
    servers: [{ url: location.origin }],
  };
}

/**
 * Shows the OpenAPI document at `url`, an address of this server, with Swagger UI. Requests can be sent from it, with this
 * origin's cookies, or with the tokens of a login as an application, which comes back to `loginReturnPage`. The text `loading` is shown
 * until the document is loaded, `failed` if loading fails.
 */
export function ApiReference({
  url,
  loginReturnPage,
  loading,
  failed,
}: Record<"url" | "loginReturnPage" | "loading" | "failed", string>) {
  const place = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<"loading" | "shown" | "failed">("loading");

  useEffect(() => {
    // Each effect makes a new element, because Swagger UI can't be removed from one.
    const stage = document.createElement("div");
    place.current?.append(stage);
    Promise.all([loadSwaggerUi(), loadDocument(url)])
      .then(([swaggerUi, spec]) => {
        if (!stage.isConnected) return;
        const ui = swaggerUi({
          spec,
          domNode: stage,
          plugins: [referencePlugin],
          layout: "ReferenceLayout",
          deepLinking: true,
          // Swagger UI has colours for code in one theme only.
          syntaxHighlight: false,
          // Without this, the document would be sent to Swagger's online validator.
          validatorUrl: null,
          oauth2RedirectUrl: new URL(loginReturnPage, location.href).href,
        });
        ui.initOAuth({ usePkceWithAuthorizationCodeGrant: true, scopes: ["openid"] });
        setState("shown");
      })
      .catch(() => {
        if (stage.isConnected) setState("failed");
      });
    return () => stage.remove();
  }, [url, loginReturnPage]);

  return (
    <div className="scripted">
      {/* The paragraph keeps its height when it is empty, so that a page that has scrolled to a deep link doesn't move. */}
      <p className="min-h-[1.5em]" role="status">
        {state === "loading" && loading}
        {state === "failed" && failed}
      </p>
      {/* Swagger UI's texts are in English only. */}
      <div id="reference" lang="en" ref={place} />
    </div>
  );
}
