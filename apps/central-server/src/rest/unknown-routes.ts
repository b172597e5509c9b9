/** 404 and 405 in the error form of every other answer. A known path with another method names the methods it takes. */
import { AppError } from "@cyxwiz/primitives";
import { CENTRAL_ERRORS } from "../errors.ts";
import type { RestApp } from "./rest-app.ts";

/** Call before routes are registered: it learns them as they come. */
export function answerUnknownRoutes(app: RestApp): void {
  const known = new Map<string, { readonly form: RegExp; readonly methods: Set<string> }>();
  app.addHook("onRoute", (route) => {
    if (route.url === "*" || route.url === "/*") return;
    const entry = known.get(route.url) ?? { form: formOf(route.url), methods: new Set<string>() };
    for (const method of [route.method].flat()) entry.methods.add(method);
    known.set(route.url, entry);
  });
  app.setNotFoundHandler(async (request) => {
    const path = request.url.split("?")[0] ?? request.url;
    const { method } = request;
    const allowed = [...known.values()].find((entry) => entry.form.test(path))?.methods;
    if (allowed === undefined) throw new AppError(CENTRAL_ERRORS.ROUTE_NOT_FOUND, { method, path });
    throw new AppError(CENTRAL_ERRORS.METHOD_UNSUPPORTED, { method, path, allowed: [...allowed].toSorted() });
  });
}

/** `/api/jobs/:id` → an expression that its paths match. */
function formOf(url: string): RegExp {
  const escaped = url.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll(/:[^/]+/g, "[^/]+").replaceAll("*", ".*")}/?$`);
}
