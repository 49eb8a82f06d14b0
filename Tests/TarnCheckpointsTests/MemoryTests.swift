#if os(Linux)
  import TarnTestSupport
  import TarnTestSystem
  import Testing

  @testable import TarnCheckpoints

  /// What opening a file costs in memory and time, in a process of its own for each file.
  @Suite(.enabled(if: CheckSize.requested != .quick)) struct MemoryTests {
    /// Files that make readers take as much as they can be made to.
    static let files: [(name: String, bytes: @Sendable () -> [UInt8])] = [
      (
        "as many tensors as allowed.safetensors",
        {
          var header = "{"
          for number in 0..<FileLimits().tensors {
            header +=
              (number == 0 ? "" : ",")
              + "\"\(number)\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"
          }
          return safetensors(header + "}")
        }
      ),
      (
        "a name of 48 MB.safetensors",
        {
          let name = [UInt8](repeating: 0x61, count: 48_000_000)
          let rest = "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"
          return safetensors(Array("{\"".utf8) + name + Array(rest.utf8))
        }
      ),
      (
        "metadata of 48 MB.safetensors",
        {
          let text = [UInt8](repeating: 0x61, count: 48_000_000)
          return safetensors(
            Array("{\"__metadata__\":{\"a\":\"".utf8) + text + Array("\"}}".utf8))
        }
      ),
      (
        "a pickle of lists.bin",
        {
          torchArchive(
            [0x80, 2] + [UInt8](repeating: PickleOpcode.emptyList.rawValue, count: 48_000_000)
          ).bytes
        }
      ),
      (
        "a stream of lists.bin",
        {
          LegacyWriter().prefix + [0x80, 2]
            + [UInt8](repeating: PickleOpcode.emptyList.rawValue, count: 48_000_000)
        }
      ),
      (
        "a pickle with a text of 48 MB.bin",
        {
          var pickle = PickleWriter()
          pickle.ops(.emptyDict, .mark)
          pickle.text8([UInt8](repeating: 0x61, count: 48_000_000))
          pickle.tensor([2], [1], count: 2)
          pickle.ops(.setItems, .stop)
          return torchArchive(pickle.bytes).bytes
        }
      ),
      (
        "as many entries as allowed.bin",
        {
          ZipWriter((0..<FileLimits().archiveEntries).map { ZipEntry("a/\($0)", []) }).bytes
        }
      ),
      (
        "as many tensors as allowed.index.json",
        {
          let names = (0..<FileLimits().tensors).map { "\"\($0)\":\"1\"" }
          return Array("{\"weight_map\":{\(names.joined(separator: ","))}}".utf8)
        }
      ),
    ]

    /// Copied, which takes more than mapped; whether the file is then refused does not matter.
    @Test(arguments: files.indices)
    func openingTakesTwiceTheFileAndAConstantAtMost(place: Int) async throws {
      let folder = try TemporaryDirectory()
      let path = try folder.write(Self.files[place].name, Self.files[place].bytes())
      await #expect(processExitsWith: .success) { [path = path as String] in
        let size = try OpenFile.open(path).byteCount
        let cost = Cost { _ = try? openTensorFile(path: path, loading: .read) }
        #expect(cost.isWithinPromise(bytes: size), "\(path): \(cost) for \(size) bytes")
      }
    }

    /// What is asked of the longest configurations takes no more than reading them.
    @Test(arguments: WorstJSON.allCases)
    func aConfigurationTakesTwiceTheFileAndAConstantAtMost(form: WorstJSON) async throws {
      let folder = try TemporaryDirectory()
      let bytes = form.object(bytes: FileLimits().configurationBytes)
      #expect(bytes.count > FileLimits().configurationBytes * 9 / 10)
      let path = try folder.write("config.json", bytes)
      await #expect(processExitsWith: .success) { [path = path as String] in
        let size = try OpenFile.open(path).byteCount
        var error: CheckpointError?
        let cost = Cost {
          do throws(CheckpointError) {
            let file = try ConfigurationFile(path: path)
            _ = try? file.string("model_type", default: "")
            _ = try? file.integer("hidden_size", in: 0...1, default: 1)
            _ = try? file.number("hidden_size", in: 0...1, default: 1)
            _ = try? file.strings("architectures", default: [])
            _ = try? file.integers("architectures", in: 0...1, default: [])
            _ = try? file.labels()
            for number in 0..<50 { _ = file.has("key \(number)") }
            _ = try file.section("a")
          } catch let problem {
            error = problem
          }
        }
        // Well-formed, so that the reader goes all the way; "a" is an object or it is not.
        switch error {
        case nil, .notAnObject: break
        default: Issue.record("\(String(describing: error))")
        }
        #expect(cost.isWithinPromise(bytes: size), "\(cost) for \(size) bytes")
      }
    }
  }
#endif
