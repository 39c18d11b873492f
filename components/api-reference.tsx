"use client";

import { useEffect, useRef, useState } from "react";
import { referencePlugin } from "./api-reference-plugin";

/** Swagger UI's script (half a megabyte on the wire) and styles, which are fetched only where the reference is shown. */
async function loadSwaggerUi() {
  // Else its script takes over each click on a link within a page, our skip link included.
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

/** The document, its servers and ways to authorize reduced to those that a page of ours can use. */
async function loadDocument(url: string) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const { components, ...document }: OpenApiDocument = await response.json();
  // The session's cookie is HttpOnly and goes along by itself: a field for it would only make a false second one.
  const schemes = Object.entries(components?.securitySchemes ?? {}).filter(([, scheme]) => scheme.in !== "cookie");
  return {
    ...document,
    components: { ...components, securitySchemes: Object.fromEntries(schemes) },
    servers: [{ url: location.origin }],
  };
}

/**
 * Shows the OpenAPI document at `url`, an address of ours, with Swagger UI, and lets its requests be sent from there
 * with this origin's cookies. `loading` is said until it is there, `failed` when it can't be.
 */
export function ApiReference({ url, loading, failed }: { url: string; loading: string; failed: string }) {
  const place = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<"loading" | "shown" | "failed">("loading");

  // Swagger UI goes by a class of the page, not by what the person has set.
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const page = document.documentElement.classList;
    const applyTheme = () => page.toggle("dark-mode", dark.matches);
    applyTheme();
    dark.addEventListener("change", applyTheme);
    return () => {
      dark.removeEventListener("change", applyTheme);
      page.remove("dark-mode");
    };
  }, []);

  useEffect(() => {
    // An element of its own each time: Swagger UI can't be asked to leave one.
    const stage = document.createElement("div");
    place.current?.append(stage);
    Promise.all([loadSwaggerUi(), loadDocument(url)])
      .then(([swaggerUi, spec]) => {
        if (!stage.isConnected) return;
        swaggerUi({
          spec,
          domNode: stage,
          plugins: [referencePlugin],
          layout: "ReferenceLayout",
          deepLinking: true,
          // Swagger's own colours for code know one theme only.
          syntaxHighlight: false,
          // No document of ours is sent to Swagger's validator.
          validatorUrl: null,
        });
        setState("shown");
      })
      .catch(() => {
        if (stage.isConnected) setState("failed");
      });
    return () => stage.remove();
  }, [url]);

  return (
    <div className="scripted">
      {/* It keeps its place when there is no more to say, so that a deep link stays where it scrolled to. */}
      <p className="min-h-[1.5em]" role="status">
        {state === "loading" && loading}
        {state === "failed" && failed}
      </p>
      {/* Swagger UI speaks English only. */}
      <div id="reference" lang="en" ref={place} />
    </div>
  );
}
