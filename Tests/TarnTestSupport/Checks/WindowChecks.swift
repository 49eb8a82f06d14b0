// Sliding and strided pooling over the rows of a sequence, and upsampling: checks and battery.

internal import Tarn

let windowChecks: [KernelCheck] = []

/// The family's part of ``operatorBattery(on:)``.
func windowBattery(on execution: Execution) throws -> [BatteryResult] {
  []
}
