/// A value that a pickle has made; what is not a small number is named by its place.
enum PickleValue {
  case none
  case boolean(Bool)
  case integer(Int)
  /// An integer of more than 64 bits.
  case largeInteger(PickleSlice)
  case float(Double)
  case text(PickleSlice)
  case bytes(PickleSlice)
  /// The name of a class or of a function, in ``PickleMachine/globals``.
  case global(Int)
  /// A container or an opaque object, in ``PickleMachine/nodes``.
  case node(Int)
  /// In ``PickleMachine/storageViews``.
  case storage(Int)
  /// In ``PickleMachine/tensors``.
  case tensor(Int)
}

/// A part of the pickle: text is not copied out of it.
struct PickleSlice {
  let start: UInt32
  let count: UInt32

  var range: Range<Int> { Int(start)..<Int(start) + Int(count) }
}

/// A container, or an object of a class that is known by its name only.
struct PickleNode {
  enum Kind {
    case list, tuple, dictionary, set, object
  }

  let kind: Kind
  /// Elements; of a dictionary each key and, behind it, its value.
  var items: [PickleValue] = []
  /// The class of an opaque object, in ``PickleMachine/globals``.
  var className = 0
  /// What BUILD has given an opaque object.
  var state = PickleValue.none
}

/// A class or a function by its name.
struct PickleGlobal {
  let module: PickleSlice
  let name: PickleSlice
  let meaning: Meaning

  /// What the reader makes of it.
  enum Meaning: Equatable {
    /// `torch._utils._rebuild_tensor_v2`.
    case rebuildTensor
    /// `torch._utils._rebuild_parameter`.
    case rebuildParameter
    /// `collections.OrderedDict`.
    case orderedDictionary
    /// One of `torch.FloatStorage` and its like.
    case storage(ElementType)
    /// A function whose result is kept as an opaque object.
    case opaqueCall
    /// A name that stands for nothing; it may be the class of an opaque object.
    case nothing

    private static let known: [String: Meaning] = [
      "torch._utils _rebuild_tensor_v2": .rebuildTensor,
      "torch._utils _rebuild_parameter": .rebuildParameter,
      "collections OrderedDict": .orderedDictionary,
      "torch DoubleStorage": .storage(.float64),
      "torch FloatStorage": .storage(.float32),
      "torch HalfStorage": .storage(.float16),
      "torch BFloat16Storage": .storage(.bfloat16),
      "torch LongStorage": .storage(.int64),
      "torch IntStorage": .storage(.int32),
      "torch ShortStorage": .storage(.int16),
      "torch CharStorage": .storage(.int8),
      "torch ByteStorage": .storage(.uint8),
      "torch BoolStorage": .storage(.bool),
      "torch ComplexFloatStorage": .storage(.complex64),
      "torch Size": .opaqueCall,
      "torch device": .opaqueCall,
      "collections defaultdict": .opaqueCall,
      "collections Counter": .opaqueCall,
      "collections deque": .opaqueCall,
      "argparse Namespace": .opaqueCall,
      "pathlib PosixPath": .opaqueCall,
      "datetime datetime": .opaqueCall,
      "datetime timedelta": .opaqueCall,
      "__builtin__ set": .opaqueCall,
      "builtins set": .opaqueCall,
      "__builtin__ frozenset": .opaqueCall,
      "builtins frozenset": .opaqueCall,
      "__builtin__ bytearray": .opaqueCall,
      "builtins bytearray": .opaqueCall,
      "__builtin__ complex": .opaqueCall,
      "builtins complex": .opaqueCall,
      "__builtin__ slice": .opaqueCall,
      "builtins slice": .opaqueCall,
      "_codecs encode": .opaqueCall,
      "copy_reg _reconstructor": .opaqueCall,
      "copyreg _reconstructor": .opaqueCall,
      "numpy dtype": .opaqueCall,
      "numpy ndarray": .opaqueCall,
      "numpy.core.multiarray scalar": .opaqueCall,
      "numpy._core.multiarray scalar": .opaqueCall,
      "numpy.core.multiarray _reconstruct": .opaqueCall,
      "numpy._core.multiarray _reconstruct": .opaqueCall,
    ]

    /// Packages whose objects are data of training runs.
    private static let opaquePackages = ["fairseq", "omegaconf"]

    init(module: String, name: String) {
      if let meaning = Self.known[module + " " + name] {
        self = meaning
      } else if Self.opaquePackages.contains(where: {
        module == $0 || module.hasPrefix($0 + ".")
      }) {
        self = .opaqueCall
      } else {
        self = .nothing
      }
    }
  }
}

/// A storage that a pickle refers to.
struct PickleStorage {
  let key: String
  let elementType: ElementType
  let byteCount: Int
}

/// A part of a storage, or all of it, as elements of one type.
struct PickleStorageView {
  let storage: Int
  let elementType: ElementType
  /// Of the first element in the storage, in bytes.
  let byteOffset: Int
  /// Number of elements.
  let count: Int
}

/// A tensor, checked against its storage.
struct PickleTensor {
  let storage: Int
  let elementType: ElementType
  let shape: [Int]
  /// Nil if row-major without gaps.
  let strides: [Int]?
  /// Where the elements lie in the storage.
  let byteRange: Range<Int>
}
