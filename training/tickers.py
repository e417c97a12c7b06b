"""Makes the shipped ticker gazetteer, `pipeline/enrich/data/tickers.tsv`, from a list of symbols.

    python -m training.tickers PATH/us-symbols.csv

The list (ticker, name, exchange) merges the SEC's company tickers with an older list of funds. Its
names are as registered, often shouted and years old; here they become what a newspaper writes.
`ticker_overrides.tsv` beside this script settles the names that rules can't, adds short names
("aliases"), symbols that were renamed or delisted but live on in archives (exchange "former"), and
the `.X` symbols that Stocktwits gives to crypto assets (exchange "crypto").
"""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path
from typing import NamedTuple

from pipeline.enrich.tickers.listings import core_of

OVERRIDES = Path(__file__).with_name("ticker_overrides.tsv")
DATA = Path(__file__).parent.parent / "pipeline" / "enrich" / "data"
GAZETTEER = DATA / "tickers.tsv"
WORDS = DATA / "ticker_words.txt"

EXCHANGES = {
    "PCX": "NYSE Arca",
    "NGM": "Nasdaq",
    "NMS": "Nasdaq",
    "BTS": "Cboe",
    "CBOE": "Cboe",
}
FUND_EXCHANGES = frozenset(EXCHANGES)

# Upper case even in a name that is not shouted.
ACRONYM_LIST = """
ETF ETN ETNS ETFS SPDR REIT ADR ADS LLC LLP LP USA US UK UAE EU NYSE MSCI ACWI EAFE FTSE CSI HSBC
ASML SAP IBM UBS BMO TD RBC CIBC PNC USB BNY ING BBVA BNP AXA KKR TPG CME CBOE ICE MGM AMC ABC CBS
NBC TJX EOG ONE OK AES CMS DTE NRG FMC CF BHP RIO AGNC MFA NVR KB AIG MGIC ETRACS BLDRS JPX SSGA
PIMCO WTI MLP TIPS VIX BRIC AMD CSX UPS GE GM HP HCA CVS BJ TFI ITT SLM SBA NVIDIA RPM ABB LG SK KT
BYD NTT NEC TDK TDG GSK BAE RELX MPLX AGCO IMAX IPG DXC NCR VMO IDEX EPAM PTC IQVIA MSA KBR AAR ATI
ACI ADM PPG PPL PVH RLI RMR SPX TTM UDR UFP UGI UMH VSE XPO BRT CBL CNB DLH DSS EPR ESAB EVI FRP
GATX HNI IAC IDT III JBG LCI LGL LKQ LSB LTC MDU MGE MYR NBT NIO NVE OGE OFG OPKO PBF PCB PDF PHX
QCR QNB RCI RGC SEI SJW SLB SPS SSR TAT TGS TXNM USCB UTG VOXX WEC WNS WSFS XTL YPF ZTO AI II IV VI
VII IX XI XII XIII XIV XV VIII ZK CN TH HF NN NL CVB BV DB SE AG CNO CTS FTAI SL KLA CDW CBRE CRH
CGI BCE DCP CNH CNX ICL ICF ICU IES ASE AU UMC EQT APA BRF CPFL CSL ORIX SPIE CTT EDP ENI OMV PGE
CEZ OTP MFS DWS BNB XRP CECO DAX CAC AH FXCM TCW GDL TCG SVB HDFC ICICI BCB CPI DMC EACO ECB EMX
FTI GCM GCT HCI HF IBEX IRSA ISS KVH LCNB LXP MIND MRC NMI NNN
"""
ACRONYMS = frozenset(ACRONYM_LIST.split())
# Spelled in their own way.
SPELLINGS = {
    "JPMORGAN": "JPMorgan",
    "NASDAQ": "Nasdaq",
    "CITIGROUP": "Citigroup",
    "METLIFE": "MetLife",
    "PAYPAL": "PayPal",
    "FEDEX": "FedEx",
    "EBAY": "eBay",
    "BLACKROCK": "BlackRock",
    "ISHARES": "iShares",
    "WISDOMTREE": "WisdomTree",
    "PROSHARES": "ProShares",
    "VANECK": "VanEck",
    "XTRACKERS": "Xtrackers",
    "DOORDASH": "DoorDash",
    "SERVICENOW": "ServiceNow",
    "CROWDSTRIKE": "CrowdStrike",
    "LINKEDIN": "LinkedIn",
    "YOUTUBE": "YouTube",
    "BIONTECH": "BioNTech",
    "ASTRAZENECA": "AstraZeneca",
    "GLAXOSMITHKLINE": "GlaxoSmithKline",
    "CONOCOPHILLIPS": "ConocoPhillips",
    "EXXONMOBIL": "ExxonMobil",
    "UNITEDHEALTH": "UnitedHealth",
    "DUPONT": "DuPont",
    "TECHNIPFMC": "TechnipFMC",
    "KEYCORP": "KeyCorp",
    "HUBSPOT": "HubSpot",
    "GODADDY": "GoDaddy",
    "MARKETAXESS": "MarketAxess",
    "FACTSET": "FactSet",
    "RENAISSANCERE": "RenaissanceRe",
    "AUTOZONE": "AutoZone",
    "AUTONATION": "AutoNation",
    "CARMAX": "CarMax",
    "LENDINGTREE": "LendingTree",
    "LENDINGCLUB": "LendingClub",
    "TRUECAR": "TrueCar",
    "NEXTERA": "NextEra",
    "FIRSTENERGY": "FirstEnergy",
    "CENTERPOINT": "CenterPoint",
    "AVALONBAY": "AvalonBay",
    "STONECO": "StoneCo",
    "MERCADOLIBRE": "MercadoLibre",
    "NETAPP": "NetApp",
    "NETEASE": "NetEase",
    "VERISIGN": "VeriSign",
    "SUNTRUST": "SunTrust",
    "MSCI": "MSCI",
    "SERIES": "Series",
    "ADTRAN": "Adtran",
    "PLC": "plc",
    "INC": "Inc.",
    "CORP": "Corp.",
    "CO": "Co.",
    "LTD": "Ltd.",
    "LIMITED": "Limited",
    "NV": "N.V.",
    "SA": "S.A.",
    "SPA": "S.p.A.",
    "SAB": "S.A.B.",
    "CV": "C.V.",
    "ASA": "ASA",
    "AB": "AB",
    "AS": "A/S",
    "TR": "Trust",
    "NA": "N.A.",
    "ST": "St.",
    "LPS": "LPs",
    "DE": "de",
}
SHORT_WORDS = "SAN LOS DEL LAS RIO BIO ELI TRI CAL SOL LUX VAN TEX PAR MID BED PAN WIZ"
NO_ACRONYMS = frozenset(SHORT_WORDS.split())
SMALL = frozenset(("OF", "AND", "THE", "FOR", "IN", "ON", "AT", "BY", "TO", "FROM"))
SUFFIX_DOTS = {
    "Inc": "Inc.",
    "Corp": "Corp.",
    "Ltd": "Ltd.",
    "Co": "Co.",
    "PLC": "plc",
    "Plc": "plc",
}

REGISTERED_IN = re.compile(
    r"""\s*/\s*
    (?:ADR|ADS|NEW(?:\s+YORK)?|NEW/\w+|CAN|CANADA|Cayman(?:\s+Islands)?|Marshall\s+Islands|ADV
      |[A-Z]{2}|tx|de|Ireland|Switzerland|Israel|Bermuda|NJ\ USA)
    \s*/?\s*$""",
    re.X,
)
FUND_FAMILY = re.compile(
    r"^.{3,70}?\b(?:Trust|Funds?|Solutions|Inc\.|ETFs?|Portfolios?|Shares)(?:\s+[IVX]+)?\s+-\s+(?=\S)"
)
FUND_NAME = re.compile(
    r"\b(?:ETFs?|ETNs?|iShares|SPDR|ProShares|Direxion|iPath|Xtrackers|Closed[- ]End|Index|"
    r"(?:Municipal|Income|Bond|Equity|Growth|Opportunit\w+|Return|Credit|Dividend|Commodity|Oil|Gas|"
    r"Gasoline)\s+(?:\w+\s+)?(?:Fund|Trust))\b"
    r"|\bFunds?\b|\b(?:Gold|Silver|Platinum|Palladium|Bitcoin|Ethereum|Ether|Solana|XRP|CurrencyShares)\b"
    r".*\b(?:Trust|Shares)\b"
)
# Renamed families and the old list's shortened words, in this order.
FUND_WORDS = {
    r"PowerShares DB\b": "Invesco DB",
    r"PowerShares\b": "Invesco",
    r"Guggenheim\b": "Invesco",
    r"Oppenheimer\b": "Invesco",
    r"Market Vectors\b": "VanEck",
    r"VanEck Vectors\b": "VanEck",
    r"Deutsche X-trackers\b": "Xtrackers",
    r"db X-trackers\b": "Xtrackers",
    r"Bloomberg Barclays\b|Blmbg Barclays\b": "Bloomberg",
    r"Blmbg\b": "Bloomberg",
    r"BulletShrs\b": "BulletShares",
    r"\bBd\b": "Bond",
    r"\bBds\b": "Bonds",
    r"\bIntl\b|\bIntl\.": "International",
    r"\bTrs\b": "Treasury",
    r"\bTrsBd\b": "Treasury Bond",
    r"\bTrsy\b|\bTreas\b": "Treasury",
    r"\bMuni\b": "Municipal",
    r"\bCcy\b": "Currency",
    r"\bHdgd\b|\bHdg\b": "Hedged",
    r"\bDiv\b": "Dividend",
    r"\bGlbl\b|\bGlb\b": "Global",
    r"\bEmerg Mkts?\b|\bEMkts\b|\bEmMkts\b|\bEmerg Markets\b": "Emerging Markets",
    r"\bMkts\b": "Markets",
    r"\bMkt\b": "Market",
    r"\bCorp Bond\b": "Corporate Bond",
    r"\bVal\b": "Value",
    r"\bGr\b": "Growth",
    r"\bWtd\b": "Weighted",
    r"\bEq Weight\b": "Equal Weight",
    r"\bIdx\b": "Index",
    r"\bSmallCp\b": "SmallCap",
    r"\bInfras\b": "Infrastructure",
    r"\bSh-Trm\b|\bShrt-Term\b": "Short-Term",
    r"\bIntmdt\b|\bInterm\b": "Intermediate",
    r"\bDev Mkts\b": "Developed Markets",
    r"\bLw Vltl\b|\bLow Vol\b": "Low Volatility",
    r"\bMom\b": "Momentum",
    r"\bHi Yld\b": "High Yield",
}


class Row(NamedTuple):
    """One line of the gazetteer; `aliases` are other names, split by `|`; `key` is for look-ups."""

    symbol: str
    name: str
    exchange: str
    kind: str
    aliases: str = ""
    key: str = ""


def repair_case(name: str, words: frozenset[str]) -> str:
    """`name` with shouted words in the case that a newspaper uses.

    Args:
        name: as registered: "NVIDIA CORP", "EchoStar CORP", "iShares MSCI Japan ETF".
        words: lower-case English words, which are no acronyms ("GAP").
    """
    tokens = name.split()
    shouted = any(_is_shouted(token) for token in tokens)
    if shouted:
        tokens = [_repair_word(token, i, words) for i, token in enumerate(tokens)]
    return " ".join(SUFFIX_DOTS.get(token, token) for token in tokens)


def _is_shouted(token: str) -> bool:
    core = token.strip(".,()'")
    if core in ("INC", "CORP", "CO", "LTD", "INC."):
        return True
    return len(core) > 4 and core.isupper() and core.isalpha() and core not in ACRONYMS


def _repair_word(token: str, position: int, words: frozenset[str]) -> str:
    match = re.fullmatch(r"(\W*)(.*?)([,)\"]*\.?[,)\"]*)", token, re.S)
    if match is None or not match[2] or not token.isupper():
        return token
    before, core, after = match.groups()
    return f"{before}{_repair_core(core, position, words)}{after}".replace("..", ".")


def _repair_core(core: str, position: int, words: frozenset[str]) -> str:
    if core in SPELLINGS:
        return SPELLINGS[core]
    if core in ACRONYMS:
        return core
    if position and core in SMALL:
        return core.lower()
    if (
        len(core) == 1
        or re.fullmatch(r"(?:[A-Z]\.)+[A-Z]?", core)
        or any(c.isdigit() for c in core)
    ):
        return core
    if "." in core or "-" in core or "/" in core:
        parts = re.split(r"([./-])", core)
        return "".join(
            part.lower() if part in ("COM", "AI", "IO") and i else _repair_core(part, 1, words)
            for i, part in enumerate(parts)
            if part
        )
    if "&" in core:
        return core if len(core) <= 4 else "&".join(part.capitalize() for part in core.split("&"))
    # A short string that is no word is an acronym, and so is a longer one that can't be spoken.
    unspoken = len(core) <= 3 or (len(core) <= 5 and not re.search("[AEIOUY]", core))
    if unspoken and core.lower() not in words and core not in NO_ACRONYMS:
        return core
    if len(core) > 4 and core.startswith("MC"):
        return "Mc" + core[2:].capitalize()
    return core.capitalize()


def clean_name(name: str, exchange: str, words: frozenset[str]) -> str:
    """A registered name without what no newspaper writes, in normal case."""
    name = " ".join(name.split())
    fund = exchange in FUND_EXCHANGES
    if fund:
        name = FUND_FAMILY.sub("", name)
        for pattern, full in FUND_WORDS.items():
            name = re.sub(pattern, full, name)
    else:
        while (shorter := REGISTERED_IN.sub("", name)) != name:
            name = shorter
        name = re.sub(r",?\s+SERIES 1$", "", name, flags=re.I)
    name = re.sub(r"\bS & P\b", "S&P", name).strip(" ,-/")
    return repair_case(name, words)


def is_derived(symbol: str, name: str, names: dict[str, str]) -> bool:
    """Whether it is a warrant, unit, right or preferred share beside the security itself."""
    _, _, series = symbol.partition("-")
    if series:
        # One letter is a class of common shares (BRK-B), except P, which is preferred.
        return len(series) > 1 or series in ("P", "U", "W", "R")
    if len(symbol) != 5 or symbol == "GOOGL":
        return False
    # On Nasdaq a fifth letter names what is not the common share; A, B, K and the like are classes.
    return symbol[-1] in "GHILMNOPRSTUWZ" and names.get(symbol[:4]) == name


def make_rows(source: Path, words: frozenset[str]) -> list[Row]:
    """The gazetteer's rows, in the source's order (largest companies first), then added ones."""
    with source.open(encoding="utf-8", newline="") as lines:
        records = [(r["ticker"].strip(), r["name"], r["exchange"]) for r in csv.DictReader(lines)]
    names = {symbol: name for symbol, name, _ in records}
    rows: dict[str, Row] = {}
    for symbol, raw_name, exchange in records:
        if is_derived(symbol, raw_name, names):
            continue
        name = clean_name(raw_name, exchange, words)
        fund = exchange in FUND_EXCHANGES or bool(FUND_NAME.search(name))
        key = symbol.replace("-", ".")
        rows[key] = Row(key, name, EXCHANGES.get(exchange, exchange), "fund" if fund else "stock")
    with OVERRIDES.open(encoding="utf-8", newline="") as lines:
        for record in csv.DictReader(lines, delimiter="\t"):
            key = record["symbol"]
            old = rows.get(key, Row(key, "", "", "stock"))
            rows[key] = Row(
                key,
                record["name"] or old.name,
                record["exchange"] or old.exchange,
                record["kind"] or old.kind,
                record["aliases"] or "",
            )
    return [row._replace(key=" ".join(core_of(row.name))) for row in rows.values()]


def main(arguments: list[str]) -> int:
    """Writes the gazetteer; returns the exit status."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    words = frozenset(
        line.strip().lower()
        for line in WORDS.read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
        for line in line.split()
    )
    rows = make_rows(Path(arguments[0]), words)
    with GAZETTEER.open("w", encoding="utf-8", newline="\n") as out:
        out.write("\t".join(Row._fields) + "\n")
        out.writelines("\t".join(row) + "\n" for row in rows)
    print(f"{GAZETTEER}: {len(rows):,} symbols")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
