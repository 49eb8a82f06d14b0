// A classifier, the text it is asked about, and what the last call answered.

import TarnCheckpoints
import TarnModels
import TarnText

/// What a call rejects.
enum BrowserError: Error {
  /// An address that `allocate` has not given, or that a call has taken over already.
  case unknownBuffer(address: Int)
  /// A buffer of another size than the call says.
  case bufferSize(found: Int, expected: Int)
  /// `tokenize` before `load`.
  case noModel
  /// `classify` before `tokenize`.
  case noText
  /// What the model rejects.
  case model(ModelError)

  /// One sentence.
  var description: String {
    switch self {
    case .unknownBuffer(let address): "buffer: found address \(address), expected one from allocate"
    case .bufferSize(let found, let expected): "buffer: found \(found) bytes, expected \(expected)"
    case .noModel: "model: none is loaded, expected load first"
    case .noText: "text: none was tokenized, expected tokenize first"
    case .model(let error): error.description
    }
  }
}

/// Files of a checkpoint in memory.
struct Files {
  /// The directory that the classifier is told.
  static let directory = "model"

  private var contents: [(path: String, buffer: Buffer)] = []

  /// Puts a file, which this now owns, in place of one of the same name.
  mutating func put(_ buffer: Buffer, at name: String) {
    let path = Files.directory + "/" + name
    remove { $0 == path }
    contents.append((path, buffer))
    // SAFETY: the buffer is deallocated after its path is removed, and nothing else writes to it.
    unsafe CheckpointMemory.put(UnsafeRawBufferPointer(buffer.bytes), at: path)
  }

  /// Gives the memory of all files back.
  mutating func removeAll() { remove { _ in true } }

  private mutating func remove(where isRemoved: (String) -> Bool) {
    for (path, buffer) in contents where isRemoved(path) {
      CheckpointMemory.remove(path)
      buffer.deallocate()
    }
    contents.removeAll { isRemoved($0.path) }
  }
}

/// What lies between two calls.
struct Session {
  var buffers = Buffers()
  var files = Files()
  private(set) var answer = Answer()
  private var classifier: PoNetClassifier?
  private var document: DocumentEncoding?

  /// Runs a call and keeps what it answers; its status.
  mutating func answer(_ call: (inout Session) throws(BrowserError) -> JSONValue) -> Int32 {
    do throws(BrowserError) {
      let value = try call(&self)
      var text: [UInt8] = []
      value.encode(into: &text)
      answer.set(text)
      return 0
    } catch {
      answer.set(Array(error.description.utf8))
      return 1
    }
  }

  mutating func load() throws(BrowserError) {
    (classifier, document) = (nil, nil)
    classifier = try model { () throws(ModelError) in
      try PoNetClassifier(directory: Files.directory)
    }
  }

  mutating func tokenize(_ text: String) throws(BrowserError) -> JSONValue {
    document = nil
    guard let classifier else { throw .noModel }
    let document = try model { () throws(ModelError) in try classifier.encode(text) }
    self.document = document
    let tokens = document.encoding.tokens(in: classifier.tokenizer.vocabulary)
    return .object([
      "tokens": .array(tokens.map { .string($0) }),
      "segments": .array(document.segmentIDs.map { .integer($0) }),
    ])
  }

  func classify() throws(BrowserError) -> JSONValue {
    guard let classifier else { throw .noModel }
    guard let document else { throw .noText }
    let answer = try model { () throws(ModelError) in try classifier.classify([document])[0] }
    return .object([
      "label": .string(answer.label),
      "labels": .array(answer.labels.map { .string($0) }),
      "scores": .array(answer.probabilities.map { .float($0) }),
      "logits": .array(answer.logits.map { .float($0) }),
    ])
  }
}

/// The bytes that the last call answered, where they stay until the next.
struct Answer {
  private var buffer = unsafe Buffer(bytes: .allocate(byteCount: 1, alignment: 1))
  private(set) var byteCount = 0

  var address: Int { buffer.address }

  mutating func set(_ text: [UInt8]) {
    buffer.deallocate()
    buffer = unsafe Buffer(bytes: .allocate(byteCount: max(1, text.count), alignment: 1))
    // SAFETY: as many bytes as the text.
    unsafe buffer.bytes.copyBytes(from: text)
    byteCount = text.count
  }
}

private func model<R>(_ body: () throws(ModelError) -> R) throws(BrowserError) -> R {
  do {
    return try body()
  } catch {
    throw .model(error)
  }
}
