// ONNX Runtime, silent: what goes wrong in it is thrown, and told by whoever catches it.
import { env } from 'onnxruntime-node';

env.logLevel = 'fatal';

export { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
