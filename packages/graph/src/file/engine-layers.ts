/** The layer types of Engine graph files, by their number. The order is the format: a name never moves. */
export const ENGINE_LAYERS: readonly string[] = [
  "Dense Conv1D Conv2D Conv3D DepthwiseConv2D MaxPool2D AvgPool2D GlobalMaxPool GlobalAvgPool",
  "AdaptiveAvgPool BatchNorm LayerNorm GroupNorm InstanceNorm Dropout Flatten RNN LSTM GRU",
  "Bidirectional TimeDistributed Embedding MultiHeadAttention SelfAttention CrossAttention",
  "LinearAttention TransformerEncoder TransformerDecoder PositionalEncoding ReLU LeakyReLU PReLU ELU",
  "SELU GELU Swish Mish Sigmoid Tanh Softmax Reshape Permute Squeeze Unsqueeze View Split Concatenate",
  "Add Multiply Average Output MSELoss CrossEntropyLoss BCELoss BCEWithLogits L1Loss SmoothL1Loss",
  "HuberLoss NLLLoss SGD Adam AdamW RMSprop Adagrad NAdam StepLR CosineAnnealing ReduceOnPlateau",
  "ExponentialLR WarmupScheduler L1Regularization L2Regularization ElasticNet Lambda Identity Constant",
  "Parameter DatasetInput DataLoader Augmentation DataSplit TensorReshape Normalize OneHotEncode",
  "Subgraph",
].flatMap((row) => row.split(" "));

/** Nodes between the dataset and the network that this build has no layer for, with what is said about leaving them out. */
export const DATA_NODES: Readonly<Record<string, string>> = {
  DataLoader: "batch size and shuffling are settings of the training run here",
  DataSplit: "the dataset brings its own split here, and the network was connected to the training part",
  Augmentation: "samples are not augmented: train on a dataset that is augmented already, or without",
  Normalize: "samples are not normalised here: normalise the dataset itself by the same numbers",
  OneHotEncode: "labels stay class numbers, which is what CrossEntropyLoss takes here",
  Identity: "it changes nothing",
};

/** Layers that only lay a sample out anew; directly on the data they say how the file's samples lie in memory. */
export const RESHAPES: ReadonlySet<string> = new Set(["Reshape", "View", "TensorReshape"]);
