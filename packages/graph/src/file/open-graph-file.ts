import { AppError } from "@cyxwiz/primitives";
import { GRAPH_ERRORS } from "../errors.ts";
import type { ImportedGraph } from "./cyxgraph-import.ts";
import { readCyxgraphDocument } from "./cyxgraph-import.ts";
import { CYXWIZ_FORMAT, readCyxwizDocument } from "./cyxwiz-file.ts";
import { readJson, showJson } from "./read-json.ts";

const READABLE = ["a CyxWiz graph (.cyxwiz)", "an Engine graph (.cyxgraph with nodes and links)"];

/** Some editors put it before the text; it says nothing. */
const BYTE_ORDER_MARK = "\uFEFF";

/**
 * Opens a graph file of either format; ours comes with no assumptions and no settings.
 *
 * @throws AppError `graph/file-format-unknown` for anything else, and the errors of `parseCyxwiz` and `importCyxgraph`.
 */
export function openGraphFile(text: string): ImportedGraph {
  const root = readJson(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
  const { value } = root;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw unknownFormat(`JSON with ${showJson(value)}`);
  const has = (key: string): boolean => Object.hasOwn(value, key);
  if (has("format")) {
    const format: unknown = (value as { format?: unknown }).format;
    if (format !== CYXWIZ_FORMAT) throw unknownFormat(`a file of the format ${showJson(format)}`);
    return { graph: readCyxwizDocument(root), assumptions: [], settings: {} };
  }
  if (has("template")) throw unknownFormat("a pattern file, a template with parameters to fill in");
  if (has("nodes")) return readCyxgraphDocument(root);
  throw unknownFormat("JSON without a graph");
}

function unknownFormat(found: string): AppError {
  return new AppError(GRAPH_ERRORS.FILE_FORMAT_UNKNOWN, { found, readable: READABLE });
}
