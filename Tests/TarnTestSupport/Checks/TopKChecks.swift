// Soft and hard top-k selection of rows: checks and battery.

internal import Tarn

let topKChecks: [KernelCheck] = []

/// The family's part of ``operatorBattery(on:)``.
func topKBattery(on execution: Execution) throws -> [BatteryResult] {
  []
}
