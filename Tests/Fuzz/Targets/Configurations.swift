import TarnCheckpoints
import TarnModels

func checkConfiguration(_ bytes: [UInt8]) throws(BrokenPromise) {
  try checkJSON(bytes)
  let read = { () throws(CheckpointError) in try ConfigurationFile(bytes: bytes) }
  guard let file = try accepted(read) else { return }
  try checkEncoder(file) { (file) throws(ModelError) in try BERTConfiguration(file) }
  try checkEncoder(file) { (file) throws(ModelError) in try FNetConfiguration(file) }
  try checkEncoder(file) { (file) throws(ModelError) in try PoNetConfiguration(file) }
  _ = try accepted { () throws(ModelError) in try LongRangeArenaConfiguration(file) }
  let pyramidion = try accepted { () throws(ModelError) in try PyramidionConfiguration(file) }
  if let pyramidion {
    let stages = pyramidion.stages
    try require(stages.count == pyramidion.encoder.layers, "\(stages.count) stages")
    for stage in stages {
      let sizes = [stage.inputs, stage.chunk, stage.kept, stage.outputs]
      try require(sizes.allSatisfy { 1...1 << 20 ~= $0 }, "a stage of \(sizes)")
      try require(stage.kept % stage.chunk == 0, "\(stage.kept) rows in chunks of \(stage.chunk)")
    }
  }
  _ = try accepted { () throws(ModelError) in try LoadedModel.typeName(file, ModelOptions()) }
}

/// A text is JSON or not; if it is, what is written of its value gives the same text again.
private func checkJSON(_ bytes: [UInt8]) throws(BrokenPromise) {
  let value: JSONValue
  do throws(JSONError) {
    value = try JSONValue(parsing: bytes)
  } catch {
    try require(0...bytes.count ~= error.offset, "offset \(error.offset) of \(bytes.count) bytes")
    return try checkMessage(error)
  }
  let text = value.encoded()
  let again = try expected("\(text) is read as it was written") { () throws(JSONError) in
    try JSONValue(parsing: text)
  }
  try require(again.encoded() == text, "\(text) reads as another value")
}

/// Sizes are in their ranges, so that nothing sized by them overflows or asks for everything.
private func checkEncoder<Configuration: ModelConfiguration>(
  _ file: ConfigurationFile,
  _ read: (ConfigurationFile) throws(ModelError) -> Configuration
) throws(BrokenPromise) {
  let encoder = try accepted { () throws(ModelError) in try read(file).encoder }
  guard let encoder else { return }
  let sizes = [
    encoder.hiddenSize, encoder.layers, encoder.intermediateSize, encoder.vocabularySize,
    encoder.tokenTypes, encoder.positions, encoder.labels.count,
  ]
  try require(sizes.allSatisfy { 1...1 << 24 ~= $0 }, "sizes \(sizes)")
  try require(0...1 ~= encoder.epsilon, "epsilon \(encoder.epsilon)")
}
