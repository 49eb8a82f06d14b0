// Models whose weights are held in fewer bits, against models of a checkpoint that is rounded already.

import Tarn
import TarnCheckpoints
import TarnKernelInterface
import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnModels

/// A copy of a checkpoint whose matrices are what a format holds of them, those that a model holds in
/// it; vectors stay.
func rounded(
  _ directory: String, to format: WeightFormat, where isHeld: (String) -> Bool = { _ in true }
) throws -> TemporaryDirectory {
  let folder = try TemporaryDirectory()
  try folder.copy("config.json", from: directory)
  let execution = try Execution()
  let file = try Checkpoint(directory: directory).weights
  var writer = SafetensorsWriter()
  for info in file.tensors where ElementType.weights.contains(info.elementType) {
    var values = try file.floats(of: info)
    if info.shape.count == 2, isHeld(info.name.text) {
      let matrix = try Matrix(rows: info.shape[0], columns: info.shape[1], values)
      var table = try Matrix(rows: matrix.rows, columns: matrix.columns)
      try gather(
        columnsOf: PackedMatrix(transposing: matrix, as: format, on: execution),
        Array(0..<Int32(matrix.rows))[...], into: &table, on: execution)
      values = table.elements
    }
    try writer.append(info.name, shape: info.shape, floats: values)
  }
  try writer.write(to: folder.path + "/model.safetensors")
  return folder
}

private func outputs(
  _ directory: String, _ inputs: String, _ options: ModelOptions
) throws -> [NamedTensor] {
  try LoadedModel(directory: directory, options: options)
    .run(SafetensorsFile(path: inputs + "/inputs.safetensors"))
}

/// Encoders that multiply by weights as they are stored.
///
/// Funnel joins some in Float before they are rounded.
private let encoders = EncoderFixture.all.filter { !$0.name.hasPrefix("funnel/") }

/// Directories of fixtures that have a `model.safetensors`.
private let fixtures =
  encoders.map(\.directory)
  + PoNetFixture.all.map(\.directory).filter {
    (try? SafetensorsFile(path: $0 + "/model.safetensors")) != nil
  }

private func positions(_ directory: String) -> Int? {
  PoNetFixture.all.first { $0.directory == directory }?.maxPositions
}

@Test(arguments: fixtures)
func sixteenBitsGiveTheBitsOfARoundedCheckpoint(_ directory: String) throws {
  for format in [WeightFormat.bfloat16, .float16] {
    let folder = try rounded(directory, to: format)
    let limit = positions(directory)
    let expected = bits(
      try outputs(folder.path, directory, ModelOptions(threads: 1, maxPositions: limit)))
    for threads in [1, 3] {
      let options = ModelOptions(weights: format, threads: threads, maxPositions: limit)
      let found = bits(try outputs(directory, directory, options))
      #expect(found == expected, "\(directory) \(format) \(threads) threads")
    }
  }
}

/// Scales are applied to sums rather than to weights, so roundings differ but not the numbers.
@Test(arguments: encoders)
func eightBitsAgreeWithARoundedCheckpoint(_ fixture: EncoderFixture) throws {
  let folder = try rounded(fixture.directory, to: .int8)
  let expected = try outputs(folder.path, fixture.directory, ModelOptions())
  var reference: [[UInt32]]?
  for set in InstructionSet.available where set.hasFusedMultiplyAdd {
    for threads in [1, 3] {
      let options = ModelOptions(weights: .int8, instructionSet: set, threads: threads)
      let found = try outputs(fixture.directory, fixture.directory, options)
      for (found, expected) in zip(found, expected) {
        compare(
          found, expected.values, "\(fixture.name) int8",
          relativeToLargest: found.name.hasPrefix("fourier.") ? 2e-6 : nil)
      }
      #expect(reference == nil || bits(found) == reference, "\(fixture.name) \(options)")
      reference = bits(found)
    }
  }
}

/// What rounding changes of a number, root mean square, relative: uniform over half a step of 9 or 12
/// bits; of ±127 over a row whose largest weight is three times its root mean square.
private let roundings: [(WeightFormat, Float)] = [
  (.bfloat16, 0x1p-9 / 1.7), (.float16, 0x1p-12 / 1.7), (.int8, 3 / 127 / 3.5),
]

/// The last hidden states of Funnel, root mean square, move by at most twenty roundings: some ten
/// products in a row, and attention that sharpens differences.
@Test(arguments: roundings)
func funnelInFewerBitsIsNear(_ format: WeightFormat, _ rounding: Float) throws {
  let all = EncoderFixture.all.filter { $0.name.hasPrefix("funnel/") }
  #expect(all.count == 51)
  func square(_ x: [Float]) -> Float { x.reduce(0) { $0 + $1 * $1 } }
  for fixture in all {
    let expected = try outputs(fixture.directory, fixture.directory, ModelOptions())
    var reference: [[UInt32]]?
    for set in InstructionSet.available where set.hasFusedMultiplyAdd {
      for threads in [1, 3] {
        let options = ModelOptions(weights: format, instructionSet: set, threads: threads)
        let found = try outputs(fixture.directory, fixture.directory, options)
        for (found, expected) in zip(found, expected)
        where found.name.hasPrefix("last_hidden_state") {
          let change = square(zip(found.values, expected.values).map { $0 - $1 })
          let relative = (change / square(expected.values)).squareRoot()
          #expect(relative < 20 * rounding, "\(fixture.name) \(format) \(relative)")
        }
        #expect(reference == nil || bits(found) == reference, "\(fixture.name) \(options)")
        reference = bits(found)
      }
    }
  }
}

@Test func aWeightThatEightBitsCannotHoldIsNamed() throws {
  for (fixture, tensor) in [
    ("bert/base-default", "encoder.layer.0.intermediate.dense.weight"),
    ("ponet/cls_sentences", "encoder.layer.0.attention.self.dense_k.weight"),
  ] {
    let source = fixturePath(fixture)
    let file = try Checkpoint(directory: source).weights
    let folder = try TemporaryDirectory()
    try folder.copy("config.json", from: source)
    var writer = SafetensorsWriter()
    var name = ""
    for info in file.tensors where ElementType.weights.contains(info.elementType) {
      var values = try file.floats(of: info)
      if info.name.text.hasSuffix(tensor) {
        name = info.name.text
        values[values.count / 2] = .infinity
      }
      try writer.append(info.name, shape: info.shape, floats: values)
    }
    try writer.write(to: folder.path + "/model.safetensors")
    #expect(!name.isEmpty)
    _ = try LoadedModel(directory: folder.path)
    let error = #expect(throws: ModelError.self) {
      try LoadedModel(directory: folder.path, options: ModelOptions(weights: .int8))
    }
    #expect(error?.description.hasPrefix("model.safetensors: tensor \"\(name)\": ") == true)
  }
}
