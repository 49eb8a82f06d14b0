// swift-tools-version: 6.2

import PackageDescription

// Every target, in the order of the arrows: a target may name only targets above it.

/// TARN_EMBEDDED=1 builds the libraries in Embedded Swift, for the target that `--triple` names.
let isEmbedded = Context.environment["TARN_EMBEDDED"] == "1"

/// Of the folders `Hosted` and `Embedded`, which declare the same names, each build has one.
let otherSystem = [isEmbedded ? "Hosted" : "Embedded"]

/// Settings of Embedded builds.
///
/// - `-disable-swift-specific-llvm-optzns`: these take what `swift_bridgeObjectRetain` returns for its
///   argument, which in Embedded Swift 6.3 it is not: a short String then becomes an address of nothing.
/// - `-sil-disable-pass=object-outliner`: it puts literals of arrays into weak symbols that are numbered in
///   each module anew; the linker then gives a function that two modules hold the array of another line.
/// - `-fno-math-errno`: as for the kernels, parts of which are compiled with the modules that call them.
let embedded: [SwiftSetting] = [
  .enableExperimentalFeature("Embedded"),
  .enableExperimentalFeature("Extern"),
  .unsafeFlags([
    "-Xfrontend", "-disable-swift-specific-llvm-optzns", "-Xllvm",
    "-sil-disable-pass=object-outliner", "-Xcc", "-fno-math-errno",
  ]),
]

/// Settings of all targets: warnings are errors, imports are internal unless they say `public`.
let strict: [SwiftSetting] =
  [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ] + (isEmbedded ? embedded : [])

/// Targets above the kernels: each use of a pointer carries the word `unsafe`.
let safe: [SwiftSetting] =
  strict + [
    .strictMemorySafety(),
    .treatWarning("StrictMemorySafety", as: .error),
  ]

/// For targets whose loops must be fast in debug builds too.
///
/// - `-num-threads 2`: without it a debug build looks for one object file for each source file.
/// - `-disable-batch-mode`: a debug build asks for batches, which whole modules exclude.
let optimized: [SwiftSetting] = [
  .unsafeFlags(
    ["-O", "-whole-module-optimization", "-num-threads", "2", "-disable-batch-mode"])
]

/// Kernels: optimised, each module for its instruction set.
///
/// - `-fno-math-errno`: without it `squareRoot()` keeps a path into libm, and a vector root becomes
///   sixteen scalar calls.
/// - `TARN_FMA`: the target has fused multiply-add; see `multiplyAdd` in Lanes.swift.
func kernels(_ name: String, march: String?, define: [String]) -> Target {
  .target(
    name: name,
    dependencies: ["TarnKernelInterface"],
    swiftSettings: strict + define.map { .define($0) } + optimized + [
      .unsafeFlags(
        ["-Xcc", "-fno-math-errno"] + (march.map { ["-Xcc", "-march=\($0)"] } ?? []))
    ]
  )
}

/// TARN_STATIC=1 links the tool with no shared library at all; with `--static-swift-stdlib`, on Linux.
let toolLinking: [LinkerSetting] =
  Context.environment["TARN_STATIC"] == "1" ? [.unsafeFlags(["-static-executable"])] : []

var kernelTargets = [kernels("TarnKernels", march: nil, define: [])]
var tarnSettings = safe

// The manifest is evaluated on the host. TARN_PORTABLE=1 leaves the x86-64 variants out when an
// x86-64 host builds for another processor, and so does TARN_EMBEDDED=1.
#if arch(x86_64)
  if !isEmbedded && Context.environment["TARN_PORTABLE"] != "1" {
    kernelTargets += [
      kernels("TarnKernelsAVX2", march: "x86-64-v3", define: ["TARN_FMA", "TARN_AVX2"]),
      kernels("TarnKernelsAVX512", march: "x86-64-v4", define: ["TARN_FMA", "TARN_AVX512"]),
    ]
    tarnSettings.append(.define("TARN_X86_VARIANTS"))
  }
#endif

let package = Package(
  name: "tarn",
  platforms: [.macOS(.v26), .iOS(.v26), .tvOS(.v26), .watchOS(.v26), .visionOS(.v26)],
  products: [
    .library(name: "Tarn", targets: ["Tarn"]),
    .library(name: "TarnModels", targets: ["TarnModels"]),
    .library(name: "TarnCheckpoints", targets: ["TarnCheckpoints"]),
    .library(name: "TarnText", targets: ["TarnText"]),
    .library(name: "TarnFreestanding", targets: ["TarnFreestanding"]),
    .library(name: "TarnBLAS", type: .dynamic, targets: ["TarnBLAS"]),
    .executable(name: "tarn", targets: ["TarnTool"]),
  ],
  targets: [
    .target(name: "TarnKernelInterface", swiftSettings: strict),
    .target(
      name: "TarnSystem", dependencies: isEmbedded ? ["TarnRuntimeRepair"] : [],
      exclude: otherSystem, swiftSettings: safe),
  ] + kernelTargets + [
    .target(
      name: "Tarn",
      dependencies: ["TarnKernelInterface", "TarnSystem"]
        + kernelTargets.map { .byName(name: $0.name) },
      swiftSettings: tarnSettings),
    .target(
      name: "TarnBLAS", dependencies: ["Tarn", "TarnKernelInterface"],
      swiftSettings: safe + optimized),
    // The loops of memcpy and memset must stay loops: as idioms they would become calls of themselves.
    // In Embedded builds it defines the C function free, of which the compiler warns without a group.
    .target(
      name: "TarnFreestanding",
      swiftSettings: safe + (isEmbedded ? [.treatAllWarnings(as: .warning)] : []) + optimized
        + [.unsafeFlags(["-Xllvm", "-disable-loop-idiom-all"])]),
    .target(
      name: "TarnCheckpoints", dependencies: ["TarnSystem"], exclude: otherSystem,
      swiftSettings: safe + optimized),
    .target(
      name: "TarnText", dependencies: ["TarnSystem"], exclude: otherSystem,
      swiftSettings: safe + optimized),
    .target(
      name: "TarnModels",
      dependencies: ["Tarn", "TarnCheckpoints", "TarnText", "TarnSystem"],
      exclude: isEmbedded ? ["Hosted"] : [],
      swiftSettings: safe),
    .target(
      name: "TarnTestSupport",
      dependencies: ["Tarn", "TarnKernelInterface", "TarnCheckpoints", "TarnSystem"],
      path: "Tests/TarnTestSupport",
      swiftSettings: strict + optimized),
    // What tests need of Foundation; the tool is linked without it.
    .target(
      name: "TarnTestSystem",
      dependencies: ["TarnCheckpoints"],
      path: "Tests/TarnTestSystem",
      swiftSettings: strict + optimized),
    .target(
      name: "TarnBenchmarkSuite",
      dependencies: [
        "TarnModels", "TarnCheckpoints", "Tarn", "TarnKernelInterface", "TarnTestSupport",
      ],
      path: "Benchmarks/Suite",
      swiftSettings: safe),
    .executableTarget(
      name: "TarnTool",
      dependencies: [
        "TarnBenchmarkSuite", "TarnModels", "TarnText", "TarnCheckpoints", "Tarn",
        "TarnKernelInterface",
      ],
      resources: [.copy("Resources/ponet-hyperpartisan-mini")],
      swiftSettings: safe,
      linkerSettings: toolLinking),
    .executableTarget(
      name: "TarnBenchmarks",
      dependencies: ["TarnBenchmarkSuite", "Tarn"],
      path: "Benchmarks/Main",
      swiftSettings: safe),
    .executableTarget(
      name: "TarnMatmulSpeed",
      dependencies: ["TarnKernels", "TarnKernelInterface"]
        + (isEmbedded ? ["TarnFreestanding"] : []),
      path: "Benchmarks/MatmulSpeed", exclude: ["compare.mjs"],
      swiftSettings: strict + optimized),
    .target(
      name: "TarnFuzzTargets",
      dependencies: [
        "TarnModels", "TarnText", "TarnCheckpoints", "TarnTestSupport", "TarnTestSystem",
      ],
      path: "Tests/Fuzz/Targets",
      swiftSettings: strict),
    .executableTarget(
      name: "TarnKernelCheck",
      dependencies: ["Tarn", "TarnTestSupport"],
      path: "Tests/TarnKernelCheck",
      swiftSettings: strict),
    .executableTarget(
      name: "TarnGoldenHashes",
      dependencies: [
        "TarnModels", "TarnText", "TarnCheckpoints", "Tarn", "TarnSystem", "TarnKernelInterface",
        "TarnFreestanding",
      ],
      path: "Tests/TarnGoldenHashes",
      exclude: ["Golden"] + otherSystem,
      swiftSettings: strict),
    .testTarget(
      name: "TarnTests",
      dependencies: ["Tarn", "TarnKernelInterface", "TarnTestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "TarnFreestandingTests",
      dependencies: ["TarnFreestanding", "TarnTestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "TarnBLASTests",
      dependencies: ["TarnBLAS"],
      swiftSettings: strict),
    .testTarget(
      name: "TarnCheckpointsTests",
      dependencies: ["TarnCheckpoints", "TarnTestSupport", "TarnTestSystem"],
      swiftSettings: strict),
    .testTarget(
      name: "TarnTextTests",
      dependencies: ["TarnText", "TarnCheckpoints", "TarnTestSupport", "TarnTestSystem"],
      swiftSettings: strict),
    .testTarget(
      name: "TarnModelsTests",
      dependencies: ["TarnModels", "TarnSystem", "TarnTestSupport", "TarnTestSystem"],
      swiftSettings: strict),
    .testTarget(
      name: "TarnToolTests",
      dependencies: ["TarnTool", "TarnCheckpoints", "TarnTestSupport", "TarnTestSystem"],
      swiftSettings: strict),
    .testTarget(
      name: "TarnFuzzTests",
      dependencies: ["TarnFuzzTargets", "TarnTestSupport"],
      path: "Tests/Fuzz/Tests",
      swiftSettings: strict),
  ]
)

// The module of the page in Docs/Browser: exports for a WebAssembly host, and the kernels that they need.
if isEmbedded {
  package.targets += [
    // The compiler warns, without a group, of names that belong to the runtime.
    .target(
      name: "TarnRuntimeRepair",
      swiftSettings: safe + [.treatAllWarnings(as: .warning)]),
    .target(
      name: "TarnBrowserKernels",
      dependencies: ["TarnKernels", "TarnKernelInterface"],
      path: "Docs/Browser/Kernels",
      swiftSettings: strict + optimized + [.unsafeFlags(["-Xcc", "-fno-math-errno"])]),
    .target(
      name: "TarnBrowser",
      dependencies: [
        "TarnModels", "TarnText", "TarnCheckpoints", "TarnFreestanding", "TarnBrowserKernels",
      ],
      path: "Docs/Browser/Module",
      swiftSettings: safe + [.unsafeFlags(["-Osize", "-whole-module-optimization"])]),
  ]
}

// libFuzzer brings the main function, so that only `.ci/fuzz` can link this.
if Context.environment["TARN_FUZZ"] == "1" {
  package.targets.append(
    .executableTarget(
      name: "TarnFuzz",
      dependencies: ["TarnFuzzTargets"],
      path: "Tests/Fuzz/Main",
      swiftSettings: strict,
      linkerSettings: [.unsafeFlags(["-use-ld=lld"])]))
}
