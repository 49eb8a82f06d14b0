// The bits of the reproducibility contract, as hashes of the operator battery.

/// FNV-1a of each result: with fused multiply-add (AVX2, AVX-512, NEON) and with two roundings.
///
/// A change here changes the results that users get, and is a breaking change: it needs a line in the
/// changelog. The message of a failure shows the new value.
let goldenHashes: [String: (fused: UInt64, separate: UInt64)] = [
  "matmul linear": (0x93F3_682C_9522_3B74, 0x298A_41E3_D9D0_325B),
  "matmul exp": (0x90B4_2A0A_CC73_85F3, 0x04DA_E562_B383_1399),
  "matmul tanh": (0x6222_BE9C_FCCC_BB8E, 0x14A7_5846_5985_C5DF),
  "matmul erf": (0xB947_F454_0112_9BC1, 0x1B20_8CF7_90BF_DC86),
  "matmul gelu": (0x998E_4C32_E776_2169, 0x7C1D_F9E2_1286_0B9E),
  "matmul geluTanh": (0x6A54_051E_626E_FB04, 0xB545_5826_4E16_038A),
  "matmul relu": (0x6C14_0F0F_9387_49E7, 0xFFBF_669F_7A95_24C6),
  "matmul sigmoid": (0x4977_7047_89D3_6D4D, 0xB44C_D699_4F72_7E50),
  "matmul silu": (0x0179_0C8C_28D3_7617, 0x87F8_B952_409F_7CE0),
  "matmul 1 rows": (0xD294_D175_2605_2CCF, 0x8D05_1A1E_3EB3_1991),
  "matmul 31 rows": (0xB3F6_F2F3_A3AA_FCEB, 0xB623_12EC_0621_1234),
  "matmul 65 rows": (0x6508_3415_2049_AD13, 0xCA90_4AA4_9576_CA0C),
  "layerNorm": (0x2DC7_9F25_04D8_2899, 0x50C4_8ED5_8556_6C15),
  "softmax": (0x54E8_E969_E505_5750, 0xF382_CA20_A141_272B),
  "exp": (0x0306_ECCA_1814_7747, 0xC422_F853_40D2_01F7),
  "tanh": (0xDB40_BAF0_0B55_FC8B, 0xEDC9_2222_B716_D671),
  "erf": (0x1A77_22B9_C7BD_1F9C, 0x2EE8_D6BF_3DD1_5B91),
  "gelu": (0x1714_ECB4_0B85_672A, 0xB587_DE82_2341_FECB),
  "geluTanh": (0xF843_8877_EE58_8B90, 0x5F13_91B5_A218_42E6),
  "relu": (0xF17C_300E_E4CE_2B80, 0xF17C_300E_E4CE_2B80),
  "sigmoid": (0x8BFF_6AE3_4331_D9EC, 0x431B_6449_5881_C6BF),
  "silu": (0xCD14_8687_EC67_7058, 0xC4CD_C019_84DB_6112),
  "maskedMean": (0x17D5_0EB4_7327_CC10, 0x17D5_0EB4_7327_CC10),
  "segmentMax": (0x870D_FBCF_4231_D3E5, 0x870D_FBCF_4231_D3E5),
  "slidingMax 3": (0x3041_87DE_5841_465F, 0x3041_87DE_5841_465F),
  "slidingMax 8": (0xF3EA_038B_C277_1520, 0xF3EA_038B_C277_1520),
  "neighbourMax": (0xC017_ED46_DF9E_8002, 0xC017_ED46_DF9E_8002),
  "gather": (0xB8D8_5B2F_6C93_4F2F, 0xB8D8_5B2F_6C93_4F2F),
  "fuse": (0xFAD4_EC9E_9D81_0635, 0xB273_EDEC_0C59_AEE1),
  "globalAggregation": (0x25A3_17A2_64B3_E6B4, 0xB2A5_C6A4_EE6D_1811),
  "globalAggregation probabilities": (0xB578_268C_1733_BDF3, 0x63EF_DB75_3E13_8A86),
]
