// PoNet-base: peak memory over the length, against the formula in Docs.

import Tarn
import TarnModels

/// Peak memory and time at growing lengths; the slope is compared with the formula in Docs.
func benchmarkMemory(_ settings: BenchmarkSettings, _ output: BenchmarkOutput) throws -> [Row] {
  let lengths = settings.isQuick ? [128, 256] : [1024, 16384, 262_144]
  let name = EncoderKind.poNet.name(settings) + "-memory"
  guard lengths.contains(where: { settings.includes("\(name)/n=\($0)") }) else { return [] }
  output.progress("\(name): random weights")
  let options = ModelOptions(
    instructionSet: settings.modelInstructionSet, maxPositions: lengths.max())
  let model = try RandomEncoder(.poNet, settings, longest: 0).poNet(options)
  let input = { PoNetInput(row: 0, tokens: $0, vocabulary: model.configuration.vocabularySize) }
  // The largest resident size never falls, so lengths rise; the first call pays for the pool.
  _ = try model.hiddenStates([input(64)])
  output.line("\(name), \(model.configuration.layers) layers: largest resident size and time")
  output.line(
    column("n", 8) + "      peak MB   bytes/token above n before   stated   seconds   time ratio")
  var rows: [Row] = []
  var previous: (n: Int, peak: Int, time: Double)?
  for n in lengths {
    output.progress("\(name)/n=\(n)")
    let input = input(n)
    let segments = Set(input.segments ?? []).count
    var timing = Timing()
    try timing.add(1) { _ = try model.hiddenStates([input]) }
    let time = timing.median
    let peak = peakResidentBytes()
    let stated = model.activationBytes(tokens: n, segments: segments)
    let slope = previous.map { Double(peak - $0.peak) / Double(n - $0.n) } ?? .nan
    let statedSlope =
      previous.map {
        Double(
          stated
            - model.activationBytes(
              tokens: $0.n, segments: $0.n / PoNetInput.segmentLength + 2)) / Double(n - $0.n)
      } ?? .nan
    let ratio = previous.map { time / $0.time } ?? .nan
    output.line(
      column("\(n)", 8) + fixed(Double(peak) / 1e6, 1, width: 13) + fixed(slope, 0, width: 29)
        + fixed(statedSlope, 0, width: 9) + fixed(time, 2, width: 10) + fixed(ratio, 2, width: 13))
    rows.append(
      Row(
        variant: name, shape: "n=\(n)", group: .memory, operation: name,
        instructionSet: model.execution.instructionSet, timing: timing,
        threads: model.execution.threads, length: n,
        counters: [
          ("peak_bytes", Double(peak)), ("bytes_per_token", slope),
          ("stated_bytes_per_token", statedSlope),
        ]))
    previous = (n, peak, time)
  }
  return rows
}
