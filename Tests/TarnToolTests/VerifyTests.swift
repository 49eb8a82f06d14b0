// tarn verify: tables, JSON, a library beside it, and what is wrong with a library.

import Foundation
import TarnCheckpoints
import TarnTestSystem
import Testing

struct VerifyTests {
  @Test func wrongUsageExitsWithTwo() throws {
    for (words, reason) in [
      (["verify", "matmul"], "found operand \"matmul\""), (["verify", "--blas"], "needs a value"),
      (["verify", "--blas", ""], "option --blas: found \"\""),
      (["verify", "--quick=1"], "takes no value"),
    ] {
      let result = try tarn(words)
      #expect(result.code == 2)
      #expect(result.errors.contains(reason), "\(result.errors)")
    }
  }

  @Test func everyLineHoldsItsBound() throws {
    let result = try tarn(["verify", "--quick", "--json"])
    #expect(result.code == 0, "\(result.errors)")
    let document = try json(result.output)
    let operators = try #require(document["operators"]?.array).compactMap(\.object)
    #expect(operators.count > 40)
    var names: Set<String> = []
    for line in operators {
      let name = try #require(line["name"]?.string)
      names.insert(name)
      let tarn = try #require(line["tarn"]?.object)
      let (error, bound) = (tarn["max_error"]?.double, tarn["bound"]?.double)
      #expect(try #require(error) <= (try #require(bound)), "\(name)")
      #expect(line["blas"] == nil)
      if line["unit"]?.string == "share of the bound" {
        #expect(line["ulp_histogram"]?.array?.count == 5)
      }
    }
    for name in ["matmul", "Aᵀ·Bᵀ, strides", "gelu", "softmax", "layerNorm", "maskedMean"] {
      #expect(names.contains(name), "\(name)")
    }
    let bits = try #require(document["bits"]?.array).compactMap(\.object)
    #expect(bits.count == 4)
    for property in bits { #expect(property["equal"]?.double == property["shapes"]?.double) }
  }

  @Test func theSameInputGivesTheSameBytes() throws {
    let words = ["verify", "--quick", "--json", "--threads", "2"]
    #expect(try tarn(words).output == tarn(words).output)
  }

  @Test func aFileThatIsNoLibraryIsAnError() throws {
    let folder = try TemporaryDirectory()
    let path = try folder.write("libnone.so", Array("no library".utf8))
    for library in [path, folder.path + "/missing.so", folder.path] {
      let result = try tarn(["verify", "--quick", "--blas", library])
      #expect(result.code == 1)
      #expect(result.output == "")
      #expect(result.errors.hasPrefix("tarn: error: " + library), "\(result.errors)")
    }
  }

  @Test func aLibraryWithoutTheProductIsAnError() throws {
    #if os(Linux)
      let result = try tarn(["verify", "--quick", "--blas", "libm.so.6"])
      #expect(result.code == 1)
      #expect(result.errors.contains("libm.so.6: has no cblas_sgemm"), "\(result.errors)")
    #endif
  }
}
