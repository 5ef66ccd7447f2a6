# ruff: noqa: E501 - tables keep one row a line, so that columns can be compared
"""Goods catalogues (商品备案) of the four example exporters.

HS codes and statutory units follow the tariff table of the release; ``gmodel`` follows the
heading's declaration elements (品牌类型|出口享惠情况|…). ``price`` is kept for the orders.
"""

PIECE, SET, EACH, UNIT, KG, KNIFE, BOARD, METRE = (
    "011 件", "006 套", "007 个", "001 台", "035 千克", "016 把", "017 块", "030 米",
)  # fmt: skip
"""Units as the template's dropdown shows them."""

Row = dict[str, str]


def _row(sku: str, hs_code: str, gname: str, item_name: str, gmodel: str, unit: str, net: str,
         gross: str, price: str, **other: str) -> Row:  # fmt: skip
    return {
        "sku": sku, "hs_code": hs_code, "gname": gname, "item_name": item_name,
        "gmodel": gmodel, "origin_country": "CN", "unit": unit, "unit1": KG,
        "qty1_per_unit": net, "net_weight": net, "gross_weight": gross, "rebate": "N",
        "price": price,
    } | other  # fmt: skip


def _ceramic(sku: str, hs_code: str, gname: str, item_name: str, gmodel: str, unit: str, net: str,
             gross: str, price: str, **other: str) -> Row:  # fmt: skip
    own = {"family": "ceramics", "brand": "示范瓷韵", "material": "陶" if "陶" in gname else "瓷"}
    if hs_code[:4] in ("6911", "6912"):
        own["food_contact"] = "N" if "皂" in gname or "罐" in gname else "Y"
    return _row(sku, hs_code, gname, item_name, gmodel, unit, net, gross, price, **own | other)


def _audio(sku: str, hs_code: str, gname: str, item_name: str, gmodel: str, unit: str, net: str,
           gross: str, price: str, **other: str) -> Row:  # fmt: skip
    """Two statutory units: the piece, and kilograms."""
    own = {
        "family": "electroacoustics", "brand": "示范声达", "unit1": unit, "qty1_per_unit": "1",
        "unit2": KG, "qty2_per_unit": net, "battery": "none", "magnet": "Y",
    }  # fmt: skip
    if other.get("magnet", "Y") == "Y":
        own |= {"magnet_report_no": f"CX-DEMO-{sku[-3:]}", "magnet_field_2m1": "0.02"}
    return _row(sku, hs_code, gname, item_name, gmodel, unit, net, gross, price, **own | other)


def _furniture(sku: str, hs_code: str, gname: str, item_name: str, gmodel: str, unit: str,
               net: str, gross: str, price: str, **other: str) -> Row:  # fmt: skip
    own = {
        "family": "furniture", "brand": "无品牌", "unit1": unit, "qty1_per_unit": "1",
        "unit2": KG, "qty2_per_unit": net,
    }  # fmt: skip
    return _row(sku, hs_code, gname, item_name, gmodel, unit, net, gross, price, **own | other)


def _metal(sku: str, hs_code: str, gname: str, item_name: str, gmodel: str, unit: str, net: str,
           gross: str, price: str, **other: str) -> Row:  # fmt: skip
    own = {"family": "industrial", "brand": "示范精工", "rebate": "Y"}
    if hs_code[:4] in ("7323", "8211", "8215"):
        own |= {"food_contact": "Y", "material": "不锈钢"}
    return _row(sku, hs_code, gname, item_name, gmodel, unit, net, gross, price, **own | other)


def by_sku(*rows: Row) -> dict[str, Row]:
    """The rows by SKU, in their order."""
    return {row["sku"]: row for row in rows}


TWO_UNITS = {"unit2": KG}
PINE = {"material": "松木", "wood_species_zh": "辐射松", "wood_species_latin": "Pinus radiata"}
OAK = {"material": "橡木", "wood_species_zh": "白橡木", "wood_species_latin": "Quercus alba"}

DAPU = by_sku(
    _ceramic("DP-BW-001", "6911101900", "瓷餐碗", "Porcelain rice bowl 4.5in", "1|0|瓷|餐具(碗)|否|示范瓷韵|无|无|4.5寸", PIECE, "0.28", "0.34", "9.90", rebate="Y"),
    _ceramic("DP-PL-002", "6911101900", "瓷餐盘", "Porcelain dinner plate 10in", "1|0|瓷|餐具(盘)|否|示范瓷韵|无|无|10寸", PIECE, "0.62", "0.74", "14.50", rebate="Y"),
    _ceramic("DP-TS-003", "6911101900", "瓷茶具", "Blue and white tea set, 7 pieces", "1|0|瓷|餐具(茶具)|否|示范瓷韵|无|无|7件套", SET, "2.35", "2.95", "68.00", rebate="Y"),
    _ceramic("DP-MG-004", "6911101900", "瓷马克杯", "Porcelain mug 350 ml", "1|0|瓷|餐具(杯)|否|示范瓷韵|无|无|350毫升", PIECE, "0.36", "0.45", "12.80", rebate="Y"),
    _ceramic("DP-BC-005", "6911101100", "骨瓷咖啡杯碟", "Bone china cup and saucer", "1|0|瓷|餐具(杯碟)|是|示范瓷韵|无|无|200毫升", SET, "0.42", "0.55", "24.00", rebate="Y"),
    _ceramic("DP-VS-006", "6913100000", "瓷花瓶", "Celadon vase 25 cm", "1|0|瓷|装饰用|无|无|高25厘米", PIECE, "1.35", "1.75", "46.00", rebate="Y"),
    _ceramic("DP-FG-007", "6913100000", "瓷塑像", "Porcelain figurine, crane", "1|0|瓷|装饰用|无|无|高18厘米", PIECE, "0.85", "1.15", "39.00", rebate="Y"),
    _ceramic("DP-PT-008", "6912009000", "陶制储物罐", "Stoneware storage jar 2 l", "1|0|陶|家用器具|否|示范瓷韵|无|无|2升", PIECE, "1.90", "2.20", "32.00", rebate="Y"),
    _ceramic("DP-OR-009", "6913900000", "陶制摆件", "Terracotta ornament, ox", "0|0|陶|装饰用|无|无|高12厘米", PIECE, "0.60", "0.80", "22.00", rebate="Y"),
    _ceramic("DP-SP-010", "6911101900", "瓷勺", "Porcelain spoon", "1|0|瓷|餐具(勺)|否|示范瓷韵|无|无|14厘米", PIECE, "0.05", "0.06", "3.20", rebate="Y"),
    _ceramic("DP-SD-011", "6911900000", "瓷皂碟", "Porcelain soap dish", "1|0|瓷|盥洗用具", PIECE, "0.31", "0.38", "11.50", rebate="Y"),
    _ceramic("DP-GB-012", "6911101900", "瓷餐具礼盒", "=2+2 Gift box, four bowls", "1|0|瓷|餐具(碗)|否|示范瓷韵|无|无|4只装", SET, "1.20", "1.55", "36.00", rebate="Y"),
    # Wholesale goods: no rebate is claimed, so that small orders may go on a list.
    _ceramic("DP-W-BW21", "6911101900", "瓷餐碗", "Porcelain bowl, wholesale", "0|0|瓷|餐具(碗)|否|无品牌|无|无|4.5寸", PIECE, "0.28", "0.33", "2.10", brand="无品牌"),
    _ceramic("DP-W-PL22", "6911101900", "瓷餐盘", "Porcelain plate, wholesale", "0|0|瓷|餐具(盘)|否|无品牌|无|无|10寸", PIECE, "0.62", "0.71", "3.40", brand="无品牌"),
    _ceramic("DP-W-VS23", "6913100000", "瓷花瓶", "Vase, wholesale", "0|0|瓷|装饰用|无|无|高20厘米", PIECE, "0.95", "1.20", "8.60", brand="无品牌"),
    _ceramic("DP-W-OR24", "6913900000", "陶制摆件", "Ornament, wholesale", "0|0|陶|装饰用|无|无|高10厘米", PIECE, "0.45", "0.58", "4.20", brand="无品牌"),
    # Planted faults.
    _ceramic("DP-TR-031", "6911101900", "瓷托盘", "Porcelain tray", "1|0|瓷|餐具(托盘)|否|示范瓷韵|无|无|30厘米", PIECE, "0.90", "1.10", "19.00", unit1=PIECE, qty1_per_unit="1"),
    _ceramic("DP-JG-032", "691110190", "瓷水壶", "Porcelain jug", "1|0|瓷|餐具(壶)|否|示范瓷韵|无|无|1升", PIECE, "0.80", "1.00", "26.00"),
    _ceramic("DP-CH-033", "6911103900", "瓷筷托", "Chopstick rest", "1|0|瓷|餐具(筷托)|否|示范瓷韵|无|无|6厘米", PIECE, "0.04", "0.05", "2.50"),
    _ceramic("DP-LD-034", "6913100000", "瓷灯座", "Porcelain lamp base", "1|0|瓷|装饰用|无|无|高30厘米", PIECE, "1.40", "1.30", "41.00"),
)  # fmt: skip

FENGSHUN = by_sku(
    _audio("FS-SPK-S10", "8518210000", "单喇叭音箱", "Single-driver speaker S10", "1|0|单喇叭|家用音响|示范声达|S10|无|无|有线", EACH, "0.86", "1.10", "29.90"),
    _audio("FS-SPK-D20", "8518220000", "多喇叭音箱", "Two-way speaker D20", "1|0|多喇叭|家用音响|示范声达|D20|2个4英寸|无|无", EACH, "2.40", "2.95", "59.00", magnet_report_no="", magnet_field_2m1=""),
    _audio("FS-DRV-W4", "8518290000", "扬声器单元", "Woofer driver 4in", "1|0|未装箱|音箱配件|示范声达|W4|无|无|4英寸", EACH, "0.52", "0.60", "13.50"),
    _audio("FS-HP-100", "8518300000", "有线耳机", "Wired headphones HP100", "1|0|头戴式|示范声达|HP100|无|无|有线", EACH, "0.18", "0.28", "18.80"),
    _audio("FS-EP-050", "8518300000", "有线耳塞", "Wired earphones EP50", "1|0|入耳式|示范声达|EP50|无|无|有线", EACH, "0.03", "0.06", "7.90"),
    _audio("FS-MIC-070", "8518100090", "麦克风", "Dynamic microphone M70", "1|0|动圈式|示范声达|M70|无|无|有线", EACH, "0.33", "0.46", "21.00", magnet="Y"),
    _audio("FS-AMP-2CH", "8518400090", "音频放大器", "Stereo amplifier 2 x 50 W", "1|0|台式|示范声达|AMP2|无|无|2声道", UNIT, "1.20", "1.55", "46.00", magnet="N"),
    _audio("FS-BT-300", "8517629400", "蓝牙耳机", "Bluetooth earbuds BT300", "1|0|接收转换语音|示范声达|BT300|无|无|蓝牙5.3", UNIT, "0.06", "0.11", "24.50", battery="in_equipment", battery_wh="0.37", un38_3_no="UN38.3-DEMO-0300"),
    _audio("FS-ADP-12V", "8504401400", "电源适配器", "Power adapter 12 V 2 A", "1|0|稳压|示范声达|ADP12|无|无|24瓦", EACH, "0.14", "0.19", "8.40", magnet="N"),
    _audio("FS-CBL-RCA", "8544422900", "音频线", "RCA cable 1.5 m", "1|0|有接头|示范声达|RCA15|无|无|1.5米", EACH, "0.09", "0.11", "5.60", magnet="N", unit1=KG, qty1_per_unit="0.09", unit2=METRE, qty2_per_unit="1.5"),
    # Planted faults.
    _audio("FS-BT-310", "8517629400", "蓝牙耳机", "Bluetooth earbuds BT310", "1|0|接收转换语音|示范声达|BT310|无|无|蓝牙5.3", UNIT, "0.07", "0.12", "27.00", battery=""),
    _audio("FS-SPK-D25", "8518220000", "多喇叭音箱", "Two-way speaker D25", "1|0|多喇叭|家用音响|示范声达|D25|2个5英寸|无|无", EACH, "2.80", "3.30", "66.00", qty2_per_unit=""),
    _audio("FS-SPK-S15", "8518210000", "单喇叭音箱", "Single-driver speaker S15", "1|0|单喇叭|家用音响|示范声达|S15|无|无|有线", EACH, "0.95", "1.20", "33.00", unit2="", qty2_per_unit=""),
    _audio("FS-HP-120R", "8518300000", "有线耳机", "Wired headphones HP120", "1|0|头戴式|示范声达|HP120|无|无|有线", EACH, "0.20", "0.30", "22.00", rebate="Y"),
    _audio("FS-SPEAKER-OUTDOOR-IP67", "8518210000", "单喇叭音箱", "Outdoor speaker", "1|0|单喇叭|户外|示范声达|OUT67|无|无|防水", EACH, "1.10", "1.40", "38.00"),
)  # fmt: skip

PINGYUAN = by_sku(
    _furniture("PY-BMT-01", "9403820000", "竹制边桌", "Bamboo side table", "0|0|客厅用|竹|无品牌|45x45x50厘米|无|无", PIECE, "4.20", "5.60", "21.00", material="竹"),
    _furniture("PY-BMS-02", "9403820000", "竹制置物架", "Bamboo shelf, 4 tiers", "0|0|浴室用|竹|无品牌|60x30x110厘米|无|无", PIECE, "5.60", "7.10", "24.50", material="竹"),
    _furniture("PY-BMC-03", "9401520000", "竹制椅", "Bamboo stool", "0|0|家用|竹|无品牌|高45厘米|无|无", EACH, "2.30", "3.00", "12.80", material="竹"),
    _furniture("PY-MTD-04", "9403200000", "金属书桌", "Metal desk frame", "0|0|家用|钢|无品牌|120x60厘米|无|无", PIECE, "11.50", "13.20", "38.00", material="钢"),
    _furniture("PY-MTC-05", "9401790000", "金属折叠椅", "Folding chair", "0|0|家用|钢|无品牌|高80厘米|无|无", EACH, "3.60", "4.20", "13.50", material="钢"),
    _furniture("PY-RTC-06", "9401530000", "藤制椅", "Rattan chair", "0|0|户外用|藤|无品牌|高78厘米|无|无", EACH, "4.10", "5.00", "26.00", material="藤"),
    _furniture("PY-OAK-07", "9403609990", "橡木茶几", "Oak coffee table", "0|0|客厅用|白橡木 Quercus alba|无品牌|110x60x42厘米|无|无", PIECE, "19.50", "22.40", "72.00", **OAK),
    _furniture("PY-PNE-08", "9403509990", "松木床头柜", "Pine bedside table", "0|0|卧室用|辐射松 Pinus radiata|无品牌|45x40x55厘米|无|无", PIECE, "8.80", "10.30", "33.00", **PINE),
    # Planted faults.
    _furniture("PY-PNB-11", "9403609990", "木制长凳", "Wooden bench", "0|0|客厅用|木|无品牌|120x35x45厘米|无|无", PIECE, "9.20", "10.60", "36.00", material="木"),
    _row("PY-CTS-12", "9403910010", "濒危木制家具零件", "Rosewood table leg", "0|0|家具用|红木 Dalbergia|无品牌|高70厘米|无|无", EACH, "2.60", "2.90", "45.00", family="furniture", brand="无品牌", material="红木", wood_species_zh="阔叶黄檀", wood_species_latin="Dalbergia latifolia"),
)  # fmt: skip

XINGNING = by_sku(
    _metal("XN-PCB-2L", "8534009000", "双面印刷电路板", "PCB 2 layers", "0|0|双面板|2层|无品牌|100x80毫米|无|无", BOARD, "0.06", "0.07", "4.80", unit1=BOARD, qty1_per_unit="1", unit2=KG, qty2_per_unit="0.06"),
    _metal("XN-PCB-6L", "8534001000", "六层印刷电路板", "PCB 6 layers", "0|0|多层板|6层|无品牌|120x90毫米|无|无", BOARD, "0.09", "0.10", "11.60", unit1=BOARD, qty1_per_unit="1", unit2=KG, qty2_per_unit="0.09"),
    _metal("XN-WR-10", "8204110000", "固定扳手", "Combination wrench 10 mm", "1|0|铬钒钢|手动|示范精工|10毫米|无|无", KNIFE, "0.08", "0.09", "4.20"),
    _metal("XN-WR-17", "8204110000", "固定扳手", "Combination wrench 17 mm", "1|0|铬钒钢|手动|示范精工|17毫米|无|无", KNIFE, "0.17", "0.19", "6.30"),
    _metal("XN-HT-05", "8205590000", "手工工具", "Precision tool kit, 24 in 1", "1|0|钢|手动|示范精工|24件|无|无", SET, "0.42", "0.55", "15.90"),
    _metal("XN-KT-01", "7323930000", "不锈钢汤锅", "Stainless steel pot 20 cm", "1|0|不锈钢|厨房用|非真空|示范精工|20厘米|无|无", PIECE, "1.30", "1.60", "27.00"),
    _metal("XN-KT-02", "7323930000", "不锈钢沥水篮", "Stainless steel colander", "1|0|不锈钢|厨房用|非真空|示范精工|24厘米|无|无", PIECE, "0.48", "0.62", "14.20"),
    _metal("XN-CI-03", "7323910000", "铸铁煎锅", "Cast-iron pan 26 cm", "1|0|铸铁|厨房用|未搪瓷|示范精工|26厘米|无|无", PIECE, "2.40", "2.70", "31.00", material="铸铁"),
    _metal("XN-CT-04", "8215990000", "不锈钢餐勺", "Stainless steel spoon", "1|0|不锈钢|餐桌用|非成套|示范精工|18厘米|无|无", PIECE, "0.05", "0.06", "2.60"),
    _metal("XN-KN-05", "8211910000", "餐刀", "Table knife", "1|0|不锈钢|固定刃|示范精工|22厘米|无|无", KNIFE, "0.07", "0.08", "3.10", unit1=KNIFE, qty1_per_unit="1", unit2=KG, qty2_per_unit="0.07"),
    # Planted faults.
    _metal("XN-CT-09", "8215200000", "成套餐具", "Cutlery set, 16 pieces", "1|0|不锈钢|餐桌用|成套|示范精工|16件|无|无", SET, "0.95", "1.15", "29.00", food_contact=""),
    _metal("XN-HX-08", "8205590000", "手工工具", "Hex key set", "1|0|钢|手动|示范精工|9件|无|无", KG, "0.30", "0.34", "9.80", qty1_per_unit="0.3"),
    _metal("XN-PL-06", "8205590000", "手工工具", "Pliers 6in", "1|0|钢|手动|示范精工|6英寸|无|无", KNIFE, "0.21", "0.24", "7.40"),
)  # fmt: skip
