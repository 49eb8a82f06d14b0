/// The tokens of a WordPiece vocabulary that are not words.
public struct SpecialTokens: Sendable {
  /// Stands for a word that the vocabulary cannot spell.
  public var unk: String
  /// Opens every encoding.
  public var cls: String
  /// Closes every text.
  public var sep: String
  /// Fills up a batch; a vocabulary may lack it.
  public var pad: String
  /// Stands for a word to be guessed; a vocabulary may lack it.
  public var mask: String
  /// Further tokens to be recognised in texts, all in the vocabulary.
  public var additional: [String]

  /// Names the special tokens; the defaults are BERT's.
  public init(
    unk: String = "[UNK]", cls: String = "[CLS]", sep: String = "[SEP]", pad: String = "[PAD]",
    mask: String = "[MASK]", additional: [String] = []
  ) {
    self.unk = unk
    self.cls = cls
    self.sep = sep
    self.pad = pad
    self.mask = mask
    self.additional = additional
  }

  /// The names in the vocabularies of BERT and most of its descendants.
  public static let bert = SpecialTokens()

  /// Funnel-Transformer's names; see ``Vocabulary/Renaming`` for files that have BERT's.
  public static let funnel = SpecialTokens(
    unk: "<unk>", cls: "<cls>", sep: "<sep>", pad: "<pad>", mask: "<mask>",
    additional: ["<s>", "</s>"])
}

/// How a ``WordPieceTokenizer`` prepares a text.
public struct WordPieceOptions: Sendable {
  /// Lower-cases the text, scalar by scalar (`do_lower_case`).
  public var lowercases: Bool
  /// Decomposes the text and deletes its accents; nil follows `lowercases` (`strip_accents`).
  public var stripsAccents: Bool?
  /// Makes each Chinese character a word (`tokenize_chinese_chars`).
  public var handlesChineseCharacters: Bool
  /// Deletes control characters and makes all white space plain (`clean_text`).
  public var cleansText: Bool
  /// The names of the special tokens.
  public var specialTokens: SpecialTokens
  /// Lets a text contain special tokens by their names, as the reference does.
  ///
  /// Turn it off for texts from strangers, who could otherwise write `[SEP]` or `[MASK]`.
  public var recognizesSpecialTokensInText: Bool
  /// The token type of the opening `cls` token; Funnel-Transformer has 2.
  public var clsTypeID: Int32
  /// The number of scalars over which a word becomes `unk`.
  public var maximumWordLength: Int

  /// Sets the options; the defaults are those of uncased BERT.
  public init(
    lowercases: Bool = true, stripsAccents: Bool? = nil, handlesChineseCharacters: Bool = true,
    cleansText: Bool = true, specialTokens: SpecialTokens = .bert,
    recognizesSpecialTokensInText: Bool = true, clsTypeID: Int32 = 0, maximumWordLength: Int = 100
  ) {
    self.lowercases = lowercases
    self.stripsAccents = stripsAccents
    self.handlesChineseCharacters = handlesChineseCharacters
    self.cleansText = cleansText
    self.specialTokens = specialTokens
    self.recognizesSpecialTokensInText = recognizesSpecialTokensInText
    self.clsTypeID = clsTypeID
    self.maximumWordLength = maximumWordLength
  }

  /// Uncased BERT's options.
  public static let uncased = WordPieceOptions()
  /// Cased BERT's options.
  public static let cased = WordPieceOptions(lowercases: false)
  /// Funnel-Transformer's options.
  public static let funnel = WordPieceOptions(specialTokens: .funnel, clsTypeID: 2)
}

extension Vocabulary.Renaming {
  /// What Funnel-Transformer calls the entries of BERT's uncased vocabulary.
  public static let funnel: [Vocabulary.Renaming] = [
    .init("[PAD]", "<pad>"), .init("[UNK]", "<unk>"), .init("[CLS]", "<cls>"),
    .init("[SEP]", "<sep>"), .init("[MASK]", "<mask>"),
    .init("[unused95]", "<s>"), .init("[unused96]", "</s>"),
  ]
}
