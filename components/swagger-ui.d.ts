// The script is typed by what @types/swagger-ui-dist says of the same thing under its other name.
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  import type { SwaggerUIBundle } from "swagger-ui-dist";

  const swaggerUi: SwaggerUIBundle;
  export default swaggerUi;
}
