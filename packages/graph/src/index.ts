export { compile } from "./compile/compile.ts";
export { COMPILE_ERRORS } from "./compile/compile-errors.ts";
export type {
  CompiledModel,
  CompileOptions,
  DropoutInput,
  PredictProgram,
  StateTensor,
  TrainProgram,
} from "./compile/compiled-model.ts";
export { LOWERING } from "./compile/lowering.ts";
export { costOf } from "./cost/model-cost.ts";
export type { ModelCost } from "./cost/model-cost.ts";
export { GRAPH_ERRORS } from "./errors.ts";
export { ASSUMPTION_CODES } from "./file/assumption.ts";
export type { Assumption, AssumptionCode, SuggestedSettings } from "./file/assumption.ts";
export { importCyxgraph } from "./file/cyxgraph-import.ts";
export type { ImportedGraph } from "./file/cyxgraph-import.ts";
export { CYXWIZ_FORMAT, CYXWIZ_VERSION, parseCyxwiz, writeCyxwiz } from "./file/cyxwiz-file.ts";
export { openGraphFile } from "./file/open-graph-file.ts";
export type {
  Initializer,
  LayerCost,
  LayerDefinition,
  LoweringContext,
  ParamDefinition,
  ParameterSpec,
  Params,
  PinDefinition,
  PinKind,
  Shape,
  ShapeProblem,
  ShapeResult,
} from "./layer/layer-definition.ts";
export { CATALOGUE } from "./layers/catalogue.ts";
export { MAX_FILE_LENGTH, MAX_LINKS, MAX_NAME_LENGTH, MAX_NODES } from "./limits.ts";
export { GraphBuilder, sequential } from "./model/build-graph.ts";
export type { AddOptions, LayerEntry } from "./model/build-graph.ts";
export type { Graph, GraphLink, GraphNode, ParamValue } from "./model/graph.ts";
export { isLayerType, LAYER_TYPES } from "./model/layer-type.ts";
export type { LayerType } from "./model/layer-type.ts";
export { digitsCnn } from "./model/patterns/digits-cnn.ts";
export { mlp } from "./model/patterns/mlp.ts";
export type { MlpOptions } from "./model/patterns/mlp.ts";
export { checkGraph } from "./shape/check-graph.ts";
export type { DatasetShape } from "./shape/check-graph.ts";
export type { DatasetTarget } from "./shape/check-target.ts";
export { PROBLEM_CODES } from "./shape/graph-problem.ts";
export type { GraphProblem, ProblemCode } from "./shape/graph-problem.ts";
export { inferShapes } from "./shape/infer-shapes.ts";
export type { InferResult, ShapedGraph } from "./shape/infer-shapes.ts";
export { resolveParams } from "./shape/resolve-params.ts";
export type { ResolvedParams } from "./shape/resolve-params.ts";
