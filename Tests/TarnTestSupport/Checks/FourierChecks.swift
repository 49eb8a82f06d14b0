// Discrete Fourier transforms: checks and battery.

internal import Tarn

let fourierChecks: [KernelCheck] = []

/// The family's part of ``operatorBattery(on:)``.
func fourierBattery(on execution: Execution) throws -> [BatteryResult] {
  []
}
