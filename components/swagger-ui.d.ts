// swagger-ui-dist has no types for this file. The file exports the function that @types/swagger-ui-dist has under another name.
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  import type { SwaggerUIBundle } from "swagger-ui-dist";

  const swaggerUi: SwaggerUIBundle;
  export default swaggerUi;
}
